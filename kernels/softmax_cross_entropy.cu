#include "common.cuh"
#include "last_block.cuh"
#include "place.cuh"

constexpr int MAX_THREADS = 256;
constexpr int NO_ROW = 0x7FFFFFFF;

// What rows add up to.
struct LossSums
{
    double loss;
    int correct;
    int refused_row; // the first whose label is no class
};

// As the C# structure of that name. Kept until the host has seen it.
struct RefusedLabel
{
    int count;
    int row;
    int label;
    int classes;
};

__device__ inline bool is_class(int label, int classes)
{
    return (unsigned)label < (unsigned)classes;
}

__device__ inline void add(LossSums& sums, const LossSums& other)
{
    sums.loss += other.loss;
    sums.correct += other.correct;
    sums.refused_row = min(sums.refused_row, other.refused_row);
}

// The sums of all threads of the block; of use in thread 0 alone.
static __device__ inline LossSums sum_of_block(const LossSums& sums)
{
    __shared__ LossSums of_thread[MAX_THREADS];
    of_thread[threadIdx.x] = sums;
    for (int distance = blockDim.x / 2; distance > 0; distance /= 2)
    {
        __syncthreads();
        if (threadIdx.x < distance)
            add(of_thread[threadIdx.x], of_thread[threadIdx.x + distance]);
    }

    return threadIdx.x == 0 ? of_thread[0] : sums;
}

static __device__ inline void note_loss(int64* watch, bool is_finite)
{
    const int64 number = ++watch[0];
    if (!is_finite && watch[1] == 0)
        watch[1] = number;
}

// softmax_cross_entropy_forward: blockDim.x 32, 64, 128 or 256; any grid size of one dimension; lanes, the threads that
// share a row, a power of two up to 32.
// Reads logits[batch, classes] and labels[batch]. The loss of a row is log(sum of exp(logits)) - label_weight * the label's
// logit - class_weight * the sum of its logits; label smoothing e makes the weights 1 - e and e / classes.
// Writes probabilities[batch, classes], loss = scale * the sum of the rows' losses, and adds that sum and the number of rows
// whose first greatest logit is at the label to totals[2], which may be null. Where a label is no class, loss and totals stay
// as they were, and refused holds the first such row unless it holds an earlier one. partials has room for one LossSums per
// block; counter is zero before and after. watch, which may be null, counts losses: watch[0] is added to, and watch[1] becomes
// the number of the first that is NaN or infinite, unless it has one already.
// Sums of blocks are merged by the block that finishes last, in the order of the blocks.
extern "C" __global__ void softmax_cross_entropy_forward(
    const real* __restrict__ logits, const int* __restrict__ labels, int batch, int classes, int lanes, double scale,
    real label_weight, real class_weight, real* __restrict__ probabilities, real* __restrict__ loss,
    double* __restrict__ totals, LossSums* partials, unsigned* counter, RefusedLabel* refused, int64* watch)
{
    const int lane = threadIdx.x % lanes;
    const int rows_per_block = blockDim.x / lanes;
    LossSums sums = {0, 0, NO_ROW};
    for (int64 first = (int64)blockIdx.x * rows_per_block; first < batch; first += (int64)gridDim.x * rows_per_block)
    {
        // Threads past the last row have no columns, but take part in the exchange of values.
        const int64 row = first + threadIdx.x / lanes;
        const int columns = row < batch ? classes : 0;
        const real* x = logits + row * classes;
        real* p = probabilities + row * classes;

        // All start from column 0, so that NaN there wins as the first of all, and elsewhere never does.
        real greatest = columns > 0 ? x[0] : 0;
        int greatest_column = 0;
        for (int column = lane; column < columns; column += lanes)
        {
            if (x[column] > greatest)
            {
                greatest = x[column];
                greatest_column = column;
            }
        }

        for (int distance = lanes / 2; distance > 0; distance /= 2)
        {
            const real other = __shfl_xor_sync(0xFFFFFFFF, greatest, distance);
            const int other_column = __shfl_xor_sync(0xFFFFFFFF, greatest_column, distance);
            if (other > greatest || (other == greatest && other_column < greatest_column))
            {
                greatest = other;
                greatest_column = other_column;
            }
        }

        real sum = 0, sum_behind = 0;
        for (int column = lane; column < columns; column += lanes)
        {
            const real behind = x[column] - greatest;
            p[column] = exp(behind);
            sum += p[column];
            if (class_weight != 0)
                sum_behind += behind;
        }

        for (int distance = lanes / 2; distance > 0; distance /= 2)
        {
            sum += __shfl_xor_sync(0xFFFFFFFF, sum, distance);
            sum_behind += __shfl_xor_sync(0xFFFFFFFF, sum_behind, distance);
        }

        for (int column = lane; column < columns; column += lanes)
            p[column] /= sum;

        if (columns > 0 && lane == 0)
        {
            const int label = labels[row];
            if (is_class(label, classes))
            {
                const real expected = label_weight * (x[label] - greatest) + class_weight * sum_behind;
                add(sums, {(double)(log(sum) - expected), label == greatest_column, NO_ROW});
            }
            else
                add(sums, {0, 0, (int)row});
        }
    }

    sums = sum_of_block(sums);
    if (threadIdx.x == 0)
        partials[blockIdx.x] = sums;
    if (!is_last_block(counter))
        return;

    sums = {0, 0, NO_ROW};
    for (int block = threadIdx.x; block < gridDim.x; block += blockDim.x)
        add(sums, partials[block]);
    sums = sum_of_block(sums);
    if (threadIdx.x != 0)
        return;
    if (watch != nullptr)
        note_loss(watch, sums.refused_row != NO_ROW || isfinite((real)(sums.loss * scale)));
    if (sums.refused_row == NO_ROW)
    {
        *loss = (real)(sums.loss * scale);
        if (totals != nullptr)
        {
            totals[0] += sums.loss;
            totals[1] += sums.correct;
        }
    }
    else if (refused->count++ == 0)
    {
        refused->row = sums.refused_row;
        refused->label = labels[sums.refused_row];
        refused->classes = classes;
    }
}

// softmax_cross_entropy_backward: any block and grid size of one dimension.
// grad_logits[batch, classes] = (probabilities - label_weight * one-hot labels - class_weight) * scale. A row whose label is
// no class has gradient 0: the host is told of it when it waits, and finds no NaN in the parameters then.
extern "C" __global__ void softmax_cross_entropy_backward(
    const real* __restrict__ probabilities, const int* __restrict__ labels, int batch, int classes, real scale,
    real label_weight, real class_weight, real* __restrict__ grad_logits)
{
    constexpr int TILE = 1024;
    const int64 elements = (int64)batch * classes;
    for (int64 first = (int64)blockIdx.x * TILE; first < elements; first += (int64)gridDim.x * TILE)
    {
        const Place first_place = place_of(first, classes);
        for (int i = threadIdx.x; i < TILE && first + i < elements; i += blockDim.x)
        {
            const Place place = place_after(first_place, i, classes);
            const int label = labels[place.row];
            const real target = label == place.column ? label_weight + class_weight : class_weight;
            grad_logits[first + i] = is_class(label, classes) ? (probabilities[first + i] - target) * scale : 0;
        }
    }
}

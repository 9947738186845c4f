#include "batch_norm.cuh"
#include "pack.cuh"

// Batch normalization, rectifier and max-pooling by windows of 2 x 2 side by side that cover the input, in one sweep. The
// normalized values are compared, not the inputs, so that ties fall as in the chain of the three operators. Backward knows
// from the saved places where a gradient arrives: its sums run over the winners alone, a quarter of the input at most, and
// no gradient of the rectifier or the pooling is ever stored.

// Stands for a window that the rectifier made 0: no gradient flows through it.
constexpr unsigned char RECTIFIED = 255;

// Where a window lies: its output, and the two pairs of inputs it is made of.
struct Window
{
    int64 output;
    int64 top;
    int64 bottom;
};

__device__ inline Window window_at(const Visits<1>& visits, const BatchNormGeometry& g, int out_width)
{
    const int64 plane = visits.row * g.channels + visits.channel;
    const unsigned row = (unsigned)visits.column / (unsigned)out_width;
    const unsigned column = (unsigned)visits.column - row * (unsigned)out_width;
    const int64 top = plane * g.spatial + 4 * (int64)row * out_width + 2 * column;
    return {visits.offset(), top, top + 2 * out_width};
}

__device__ inline Pair load_pair(const real* address, bool is_aligned)
{
    return is_aligned ? *(const Pair*)address : Pair{address[0], address[1]};
}

__device__ inline void store_pair(const Pair& pair, real* address, bool is_aligned)
{
    if (is_aligned)
    {
        *(Pair*)address = pair;
        return;
    }

    address[0] = pair.left;
    address[1] = pair.right;
}

__device__ inline void take(real value, unsigned char place, real& best, unsigned char& best_place)
{
    if (value > best || (isnan(value) && !isnan(best)))
    {
        best = value;
        best_place = place;
    }
}

// batch_norm_relu_max_pool_forward: blockDim.x 128; a block per slice of a channel's windows.
// Reads x[batch, channels, spatial], whose rows are 2 * out_width long. Writes y, a quarter of that, and arg_max, which may
// be null: the place row * 2 + column in the window that won, or RECTIFIED. is_aligned says that pairs of x are.
extern "C" __global__ void __launch_bounds__(128) batch_norm_relu_max_pool_forward(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, int out_width, int is_aligned,
    const real* __restrict__ x, const real* __restrict__ gamma, const real* __restrict__ beta, real* __restrict__ y,
    unsigned char* __restrict__ arg_max)
{
    Visits<1> visits = visits_of_thread<1>(geometry, slices, geometry.spatial / 4);
    const NormalizeConstants constants = normalize_constants(statistics, gamma, beta, visits.channel);
    for (; visits.left > 0; visits.advance())
    {
        const Window window = window_at(visits, geometry, out_width);
        const Pair top = load_pair(x + window.top, is_aligned), bottom = load_pair(x + window.bottom, is_aligned);
        real best = constants.normalize(top.left);
        unsigned char place = 0;
        take(constants.normalize(top.right), 1, best, place);
        take(constants.normalize(bottom.left), 2, best, place);
        take(constants.normalize(bottom.right), 3, best, place);
        const bool is_rectified = best <= 0;
        y[window.output] = is_rectified ? 0 : best;
        if (arg_max != nullptr)
            arg_max[window.output] = is_rectified ? RECTIFIED : place;
    }
}

// batch_norm_relu_max_pool_backward_reduce: blockDim.x 128; a block per slice of a channel's windows.
// Reads x, arg_max and grad_y. Writes parts as batch_norm_backward_reduce does, from the places that won.
extern "C" __global__ void __launch_bounds__(128) batch_norm_relu_max_pool_backward_reduce(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, int out_width,
    const real* __restrict__ x, const unsigned char* __restrict__ arg_max, const real* __restrict__ grad_y,
    GradientSums* __restrict__ parts)
{
    Visits<1> visits = visits_of_thread<1>(geometry, slices, geometry.spatial / 4);
    const double mean = statistics.mean_of(visits.channel);
    const real high = (real)mean;
    GradientSum sum;
    for (; visits.left > 0; visits.advance())
    {
        const Window window = window_at(visits, geometry, out_width);
        const unsigned char place = arg_max[window.output];
        if (place == RECTIFIED)
            continue;
        const real winner = x[(place < 2 ? window.top : window.bottom) + place % 2];
        sum.add(grad_y[window.output], winner - high);
    }

    const GradientSums sums = merge_in_block(sum.finish(mean - high), 1);
    if (threadIdx.x == 0)
        parts[visits.part] = sums;
}

// batch_norm_relu_max_pool_backward_input: blockDim.x 128; a block per slice of a channel's windows.
// Reads x, arg_max, grad_y and the sums that batch_norm_finish_gradients made. Writes grad_x, of the shape of x: every
// window its four inputs, of which one at most gets a gradient from above. is_aligned says that pairs of x and grad_x are.
extern "C" __global__ void __launch_bounds__(128) batch_norm_relu_max_pool_backward_input(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, int out_width, int is_aligned,
    const real* __restrict__ x, const real* __restrict__ gamma, const unsigned char* __restrict__ arg_max,
    const real* __restrict__ grad_y, const GradientSums* __restrict__ sums_of_channels, real* __restrict__ grad_x)
{
    Visits<1> visits = visits_of_thread<1>(geometry, slices, geometry.spatial / 4);
    const InputGradientConstants constants = input_gradient_constants(
        statistics, gamma, sums_of_channels[visits.channel], (double)geometry.batch * geometry.spatial,
        visits.channel);
    for (; visits.left > 0; visits.advance())
    {
        const Window window = window_at(visits, geometry, out_width);
        const Pair top = load_pair(x + window.top, is_aligned), bottom = load_pair(x + window.bottom, is_aligned);
        const real gradient = grad_y[window.output];
        const int winner = arg_max[window.output];
        store_pair(
            {constants.input_gradient(top.left, winner == 0 ? gradient : 0),
             constants.input_gradient(top.right, winner == 1 ? gradient : 0)},
            grad_x + window.top, is_aligned);
        store_pair(
            {constants.input_gradient(bottom.left, winner == 2 ? gradient : 0),
             constants.input_gradient(bottom.right, winner == 3 ? gradient : 0)},
            grad_x + window.bottom, is_aligned);
    }
}

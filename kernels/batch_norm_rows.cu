#include "batch_norm_rows.cuh"

// Batch normalization of matrices x[rows, channels], and so of images whose channels come last. Neighbouring threads take
// neighbouring channels of a row, PACK each, so that a warp reads whole lines of memory; blocks share the rows out. PACK, set
// by the compile options, is 16 bytes where every row is a multiple of that, else one element.
// ptx-constants: PACK=1
// ptx-constants: PACK=2

// Merges the moments of visits into those of the channels. Sums are taken around the first of the rows, which is never
// farther from their mean than they are from each other.
template <typename Number>
__device__ bool try_merge_rows(const real* x, RowVisits& visits, Moments* moments, bool must)
{
    const int rows = visits.left;
    auto loads = loads_of<4>(visits, [&](const RowVisits& next) { return load(x + next.offset); });
    Number origin[PACK], sum[PACK] = {}, squares[PACK] = {};
#pragma unroll
    for (int i = 0; i < PACK; i++)
        origin[i] = (Number)loads.loaded[0].values[i];
    do
    {
        loads.for_each([&](const Elements& elements, int64) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
            {
                const Number deviation = (Number)elements.values[i] - origin[i];
                sum[i] += deviation;
                squares[i] += deviation * deviation;
            }
        });
    } while (loads.load_next());

    bool is_finite = true;
#pragma unroll
    for (int i = 0; i < PACK; i++)
        is_finite = is_finite && isfinite((double)squares[i]);
    if (!is_finite && !must)
        return false;
#pragma unroll
    for (int i = 0; i < PACK; i++)
    {
        const double mean = (double)sum[i] / rows, rest = (double)squares[i] - mean * (double)sum[i];
        // Rounding may leave less than nothing; NaN stays.
        moments[i].merge({(double)rows, (double)origin[i] + mean, rest < 0 ? 0 : rest});
    }

    return true;
}

// batch_norm_rows_stats: blockDim.x 128; a block per slice of threads_across threads' channels.
// Reads x. Writes parts[channels, slices]: the moments of every slice, which batch_norm_finish_stats merges.
// Counts the batch in batches_tracked, which may be null, before that reads it.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_stats(
    ChannelRows rows, const real* __restrict__ x, Moments* __restrict__ parts, int64* __restrict__ batches_tracked)
{
    constexpr int GROUP = 32;
    RowVisits visits = row_visits_of_thread(rows);
    Moments moments[PACK] = {};
    for (int left = visits.left; left > 0; left -= GROUP)
    {
        visits.left = left < GROUP ? left : GROUP;
        RowVisits again = visits;
        // Squares of values beyond 1e19 leave the range of a float, not that of a double. NaN comes to that, too.
        if (!try_merge_rows<real>(x, visits, moments, sizeof(real) == sizeof(double)))
            try_merge_rows<double>(x, again, moments, true);
        visits.advance(true);
    }

    leave_parts(rows, visits, moments, parts);
    if (batches_tracked != nullptr && blockIdx.x == 0 && threadIdx.x == 0)
        ++*batches_tracked;
}

// batch_norm_rows_normalize: blockDim.x 128; blocks as for batch_norm_rows_stats.
// y = gamma * (x - mean) * inv_std + beta, channel by channel. gamma and beta may be null: 1 and 0.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_normalize(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ beta, real* __restrict__ y)
{
    RowVisits visits = row_visits_of_thread(rows);
    auto loads = loads_of<4>(visits, [&](const RowVisits& next) { return load(x + next.offset); });
    NormalizeConstants constants[PACK];
    normalize_constants_of(visits, statistics, gamma, beta, constants);
    do
    {
        loads.for_each([&](Elements elements, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                elements.values[i] = constants[i].normalize(elements.values[i]);
            store(elements, y + offset);
        });
    } while (loads.load_next());
}

// batch_norm_rows_backward_reduce: blockDim.x 128; blocks as for batch_norm_rows_stats.
// Reads x and grad_y. Writes parts[channels, slices]: for every slice sum dy and sum dy * (x - mean), which
// batch_norm_finish_gradients adds up.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_backward_reduce(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ grad_y,
    GradientSums* __restrict__ parts)
{
    RowVisits visits = row_visits_of_thread(rows);
    auto loads = loads_of<2>(visits, [&](const RowVisits& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    RowGradientSums sums(statistics, visits);
    do
        loads.for_each([&](const InputAndGradient& loaded, int64) { sums.add(loaded.grad_y, loaded.x); });
    while (loads.load_next());
    sums.leave(rows, visits, parts);
}

// batch_norm_rows_backward_input: blockDim.x 128; blocks as for batch_norm_rows_stats.
// grad_x = gamma * inv_std / M * (M * grad_y - sum dy - xhat * sum(dy * xhat)), M the number of rows.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_backward_input(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ grad_y, const GradientSums* __restrict__ sums_of_channels, real* __restrict__ grad_x)
{
    RowVisits visits = row_visits_of_thread(rows);
    auto loads = loads_of<2>(visits, [&](const RowVisits& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    InputGradientConstants constants[PACK];
#pragma unroll
    for (int i = 0; i < PACK; i++)
        constants[i] = input_gradient_constants(
            statistics, gamma, sums_of_channels[visits.channel + i], (double)rows.rows, visits.channel + i);
    do
    {
        loads.for_each([&](InputAndGradient loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                loaded.grad_y.values[i] = constants[i].input_gradient(loaded.x.values[i], loaded.grad_y.values[i]);
            store(loaded.grad_y, grad_x + offset);
        });
    } while (loads.load_next());
}

// batch_norm_rows_frozen_backward_input: blockDim.x 128; blocks as for batch_norm_rows_stats.
// grad_x = grad_y * gamma * inv_std: given statistics pass no gradient on.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_frozen_backward_input(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ gamma, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    RowVisits visits = row_visits_of_thread(rows);
    auto loads = loads_of<4>(visits, [&](const RowVisits& next) { return load(grad_y + next.offset); });
    real scale[PACK];
#pragma unroll
    for (int i = 0; i < PACK; i++)
        scale[i] = normalize_constants(statistics, gamma, nullptr, visits.channel + i).scale;
    do
    {
        loads.for_each([&](Elements gradients, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                gradients.values[i] *= scale[i];
            store(gradients, grad_x + offset);
        });
    } while (loads.load_next());
}

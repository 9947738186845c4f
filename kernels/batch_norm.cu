#include "batch_norm.cuh"
#include "batch_norm_statistics.cuh"

// Batch normalization of x[batch, channels, spatial].
// ptx-constants: PACK=1
// ptx-constants: PACK=2

// The moments of visits.
template <typename Number>
__device__ Moments moments_of(const real* x, Visits<PACK>& visits)
{
    const int values = visits.left * PACK;
    auto loads = loads_of<4>(visits, [&](const Visits<PACK>& next) { return load(x + next.offset); });
    MomentsAroundFirst<Number> moments(loads.loaded[0]);
    do
    {
        loads.for_each([&](const Elements& elements, int64) { moments.add(elements); });
    } while (loads.load_next());
    return moments.of(values);
}

// batch_norm_stats: blockDim.x 128; a block per slice of a channel, or of 32 columns.
// Reads x. Writes parts[channels, parts of a channel]: the moments of every slice. They are merged by the last block of every
// channel, which writes the results, where counters[channels] are given, each zero before and after; that takes planes, and
// a momentum that is not negative. With counters null batch_norm_finish_stats is to follow.
// Counts the batch in batches_tracked, which may be null, before that reads it.
extern "C" __global__ void __launch_bounds__(128) batch_norm_stats(
    BatchNormGeometry geometry, ChannelSlices slices, const real* __restrict__ x, Moments* parts, unsigned* counters,
    BatchStatistics results)
{
    constexpr int GROUP = 32;
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    Moments moments = {};
    for (int left = visits.left; left > 0; left -= GROUP)
    {
        visits.left = left < GROUP ? left : GROUP;
        const Visits<PACK> start = visits;
        Moments group = moments_of<real>(x, visits);
        // Squares of values beyond 1e19 leave the range of a float, not that of a double. NaN comes here too.
        if (sizeof(real) < sizeof(double) && !isfinite(group.squared_deviations))
        {
            visits = start;
            group = moments_of<double>(x, visits);
        }

        moments.merge(group);
        visits.advance(true);
    }

    moments = merge_in_block(moments, visits.stride);
    if (results.batches_tracked != nullptr && blockIdx.x == 0 && threadIdx.x == 0)
        ++*results.batches_tracked;
    if (leave_part(moments, visits, slices, parts, counters))
        results.write(visits.channel, moments);
}

// batch_norm_finish_stats: blockDim.x 32; a block per channel.
// Reads parts[channels, parts_per_channel], merges them in their order, and writes the results.
extern "C" __global__ void __launch_bounds__(32) batch_norm_finish_stats(
    const Moments* __restrict__ parts, int64 parts_per_channel, BatchStatistics results)
{
    const int channel = blockIdx.x;
    const Moments moments = merge_row(parts + channel * parts_per_channel, parts_per_channel);
    if (threadIdx.x == 0)
        results.write(channel, moments);
}

// batch_norm_normalize: blockDim.x 128; blocks as for batch_norm_stats.
// y = gamma * (x - mean) * inv_std + beta, channel by channel. gamma and beta may be null: 1 and 0.
extern "C" __global__ void __launch_bounds__(128) batch_norm_normalize(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ gamma, const real* __restrict__ beta, real* __restrict__ y)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    auto loads = loads_of<4>(visits, [&](const Visits<PACK>& next) { return load(x + next.offset); });
    const NormalizeConstants constants = normalize_constants(statistics, gamma, beta, visits.channel);
    do
    {
        loads.for_each([&](Elements elements, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                elements.values[i] = constants.normalize(elements.values[i]);
            store(elements, y + offset);
        });
    } while (loads.load_next());
}

// batch_norm_backward_reduce: blockDim.x 128; blocks as for batch_norm_stats.
// Reads x and grad_y. Writes parts[channels, parts of a channel]: for every slice sum dy and sum dy * (x - mean). They are
// added up by the last block of every channel, which writes the gradients, where counters[channels] are given, each zero
// before and after; that takes planes. With counters null batch_norm_finish_gradients is to follow.
extern "C" __global__ void __launch_bounds__(128) batch_norm_backward_reduce(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ grad_y, GradientSums* parts, unsigned* counters, ChannelGradients results)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    auto loads = loads_of<4>(visits, [&](const Visits<PACK>& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    const double mean = statistics.mean_of(visits.channel);
    const real high = (real)mean;
    GradientSum sum;
    do
    {
        loads.for_each([&](const InputAndGradient& loaded, int64) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                sum.add(loaded.grad_y.values[i], loaded.x.values[i] - high);
            sum.flush_if_many(PACK);
        });
    } while (loads.load_next());

    GradientSums sums = merge_in_block(sum.finish(mean - high), visits.stride);
    if (leave_part(sums, visits, slices, parts, counters))
        results.write(statistics, visits.channel, sums);
}

// batch_norm_finish_gradients: blockDim.x 32; a block per channel.
// Reads parts[channels, parts_per_channel], adds them up in their order, and writes the gradients.
extern "C" __global__ void __launch_bounds__(32) batch_norm_finish_gradients(
    const GradientSums* __restrict__ parts, int64 parts_per_channel, BatchNormStatistics statistics,
    ChannelGradients results)
{
    const int channel = blockIdx.x;
    const GradientSums sums = merge_row(parts + channel * parts_per_channel, parts_per_channel);
    if (threadIdx.x == 0)
        results.write(statistics, channel, sums);
}

// batch_norm_backward_input: blockDim.x 128; blocks as for batch_norm_stats.
// grad_x = gamma * inv_std / M * (M * grad_y - sum dy - xhat * sum(dy * xhat)), M values a channel.
extern "C" __global__ void __launch_bounds__(128) batch_norm_backward_input(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ gamma, const real* __restrict__ grad_y, const GradientSums* __restrict__ sums_of_channels,
    real* __restrict__ grad_x)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    auto loads = loads_of<4>(visits, [&](const Visits<PACK>& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    const InputGradientConstants constants = input_gradient_constants(
        statistics, gamma, sums_of_channels[visits.channel], (double)geometry.batch * geometry.spatial,
        visits.channel);
    do
    {
        loads.for_each([&](InputAndGradient loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                loaded.grad_y.values[i] = constants.input_gradient(loaded.x.values[i], loaded.grad_y.values[i]);
            store(loaded.grad_y, grad_x + offset);
        });
    } while (loads.load_next());
}

// batch_norm_frozen_backward_input: blockDim.x 128; blocks as for batch_norm_stats.
// grad_x = grad_y * gamma * inv_std: given statistics pass no gradient on.
extern "C" __global__ void __launch_bounds__(128) batch_norm_frozen_backward_input(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ gamma,
    const real* __restrict__ grad_y, real* __restrict__ grad_x)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    auto loads = loads_of<4>(visits, [&](const Visits<PACK>& next) { return load(grad_y + next.offset); });
    const real scale = normalize_constants(statistics, gamma, nullptr, visits.channel).scale;
    do
    {
        loads.for_each([&](Elements gradients, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                gradients.values[i] *= scale;
            store(gradients, grad_x + offset);
        });
    } while (loads.load_next());
}

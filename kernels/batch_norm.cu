#include "batch_norm.cuh"
#include "elements.cuh"

// Batch normalization of x[batch, channels, spatial].
// ptx-constants: PACK=1
// ptx-constants: PACK=2

// The moments of the next visits, at most limit, as sums around their first value, which is never farther from their mean
// than they are from each other: a single sweep then keeps its digits, wherever the mean is.
template <typename Number>
__device__ Moments moments_of_group(const real* x, Visits<PACK>& visits, int limit)
{
    const Number origin = (Number)x[visits.offset()];
    Number sum = 0, squares = 0;
    int values = 0;
    for (; values < limit * PACK && visits.left > 0; values += PACK, visits.advance())
    {
        const Elements elements = load(x + visits.offset());
#pragma unroll
        for (int i = 0; i < PACK; i++)
        {
            const Number deviation = (Number)elements.values[i] - origin;
            sum += deviation;
            squares += deviation * deviation;
        }
    }

    const double mean = (double)sum / values;
    const double squared_deviations = (double)squares - mean * (double)sum;
    // Rounding may leave less than nothing; NaN stays.
    return {(double)values, (double)origin + mean, squared_deviations < 0 ? 0 : squared_deviations};
}

// batch_norm_stats: blockDim.x 128; a block per slice of a channel, or of 32 columns.
// Reads x. Writes parts[channels, parts of a channel]: the moments of every slice, which batch_norm_finish_stats merges.
// Counts the batch in batches_tracked, which may be null, before that reads it.
extern "C" __global__ void __launch_bounds__(128) batch_norm_stats(
    BatchNormGeometry geometry, ChannelSlices slices, const real* __restrict__ x, Moments* __restrict__ parts,
    int64* __restrict__ batches_tracked)
{
    constexpr int GROUP = 32;
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    Moments moments = {};
    while (visits.left > 0)
    {
        const Visits<PACK> start = visits;
        Moments group = moments_of_group<real>(x, visits, GROUP);
        // Squares of values beyond 1e19 leave the range of a float, not that of a double. NaN comes here too.
        if (sizeof(real) < sizeof(double) && !isfinite(group.squared_deviations))
        {
            visits = start;
            group = moments_of_group<double>(x, visits, GROUP);
        }

        moments.merge(group);
    }

    moments = merge_in_block(moments, visits.stride);
    if (threadIdx.x < visits.stride && visits.part >= 0)
        parts[visits.part] = moments;
    if (batches_tracked != nullptr && blockIdx.x == 0 && threadIdx.x == 0)
        ++*batches_tracked;
}

// batch_norm_finish_stats: blockDim.x 32; a block per channel.
// Reads parts[channels, parts_per_channel] and merges them in their order. Writes mean[channels] and inv_std[channels] in
// double, for backward, and moves the running statistics towards those of the batch, with the weight momentum or, if that is
// negative, one over the number of batches. running_mean may be null: then there are none.
extern "C" __global__ void __launch_bounds__(32) batch_norm_finish_stats(
    const Moments* __restrict__ parts, int64 parts_per_channel, double epsilon, double* __restrict__ mean,
    double* __restrict__ inv_std, real* __restrict__ running_mean, real* __restrict__ running_variance,
    const int64* __restrict__ batches_tracked, double momentum, int is_unbiased)
{
    const int channel = blockIdx.x;
    const Moments moments = merge_row(parts + channel * parts_per_channel, parts_per_channel);
    if (threadIdx.x != 0)
        return;
    const double variance = moments.squared_deviations / moments.count;
    mean[channel] = moments.mean;
    inv_std[channel] = 1 / sqrt(variance + epsilon);
    if (running_mean == nullptr)
        return;
    const double weight = momentum < 0 ? 1.0 / *batches_tracked : momentum;
    const double stored = is_unbiased ? moments.squared_deviations / (moments.count - 1) : variance;
    running_mean[channel] = (real)((1 - weight) * running_mean[channel] + weight * moments.mean);
    running_variance[channel] = (real)((1 - weight) * running_variance[channel] + weight * stored);
}

// batch_norm_normalize: blockDim.x 128; blocks as for batch_norm_stats.
// y = gamma * (x - mean) * inv_std + beta, channel by channel. gamma and beta may be null: 1 and 0.
extern "C" __global__ void __launch_bounds__(128) batch_norm_normalize(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ gamma, const real* __restrict__ beta, real* __restrict__ y)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    const NormalizeConstants constants = normalize_constants(statistics, gamma, beta, visits.channel);
    for (; visits.left > 0; visits.advance())
    {
        Elements elements = load(x + visits.offset());
#pragma unroll
        for (int i = 0; i < PACK; i++)
            elements.values[i] = constants.normalize(elements.values[i]);
        store(elements, y + visits.offset());
    }
}

// batch_norm_backward_reduce: blockDim.x 128; blocks as for batch_norm_stats.
// Reads x and grad_y. Writes parts[channels, parts of a channel]: for every slice sum dy and sum dy * (x - mean).
extern "C" __global__ void __launch_bounds__(128) batch_norm_backward_reduce(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ grad_y, GradientSums* __restrict__ parts)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    const double mean = statistics.mean_of(visits.channel);
    const real high = (real)mean;
    GradientSum sum;
    for (; visits.left > 0; visits.advance())
    {
        const Elements values = load(x + visits.offset()), gradients = load(grad_y + visits.offset());
#pragma unroll
        for (int i = 0; i < PACK; i++)
            sum.add(gradients.values[i], values.values[i] - high);
    }

    const GradientSums sums = merge_in_block(sum.finish(mean - high), visits.stride);
    if (threadIdx.x < visits.stride && visits.part >= 0)
        parts[visits.part] = sums;
}

// batch_norm_finish_gradients: blockDim.x 32; a block per channel.
// Reads parts[channels, parts_per_channel] and adds them up in their order. Writes the sums of every channel, and from them
// grad_gamma[channels] and grad_beta[channels], which may be null.
extern "C" __global__ void __launch_bounds__(32) batch_norm_finish_gradients(
    const GradientSums* __restrict__ parts, int64 parts_per_channel, BatchNormStatistics statistics,
    GradientSums* __restrict__ sums_of_channels, real* __restrict__ grad_gamma, real* __restrict__ grad_beta)
{
    const int channel = blockIdx.x;
    const GradientSums sums = merge_row(parts + channel * parts_per_channel, parts_per_channel);
    if (threadIdx.x != 0)
        return;
    sums_of_channels[channel] = sums;
    if (grad_gamma != nullptr)
        grad_gamma[channel] = (real)(sums.product * statistics.inv_std_of(channel));
    if (grad_beta != nullptr)
        grad_beta[channel] = (real)sums.gradient;
}

// batch_norm_backward_input: blockDim.x 128; blocks as for batch_norm_stats.
// grad_x = gamma * inv_std / M * (M * grad_y - sum dy - xhat * sum(dy * xhat)), M values a channel.
extern "C" __global__ void __launch_bounds__(128) batch_norm_backward_input(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ gamma, const real* __restrict__ grad_y, const GradientSums* __restrict__ sums_of_channels,
    real* __restrict__ grad_x)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    const InputGradientConstants constants = input_gradient_constants(
        statistics, gamma, sums_of_channels[visits.channel], (double)geometry.batch * geometry.spatial,
        visits.channel);
    for (; visits.left > 0; visits.advance())
    {
        const Elements values = load(x + visits.offset());
        Elements gradients = load(grad_y + visits.offset());
#pragma unroll
        for (int i = 0; i < PACK; i++)
            gradients.values[i] = constants.input_gradient(values.values[i], gradients.values[i]);
        store(gradients, grad_x + visits.offset());
    }
}

// batch_norm_frozen_backward_input: blockDim.x 128; blocks as for batch_norm_stats.
// grad_x = grad_y * gamma * inv_std: given statistics pass no gradient on.
extern "C" __global__ void __launch_bounds__(128) batch_norm_frozen_backward_input(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ gamma,
    const real* __restrict__ grad_y, real* __restrict__ grad_x)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    const real scale = normalize_constants(statistics, gamma, nullptr, visits.channel).scale;
    for (; visits.left > 0; visits.advance())
    {
        Elements gradients = load(grad_y + visits.offset());
#pragma unroll
        for (int i = 0; i < PACK; i++)
            gradients.values[i] *= scale;
        store(gradients, grad_x + visits.offset());
    }
}

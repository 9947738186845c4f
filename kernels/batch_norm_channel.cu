#include "batch_norm.cuh"
#include "batch_norm_statistics.cuh"
#include "elements.cuh"

// Batch normalization of x[batch, channels, spatial] where a block holds a whole channel in its registers: it is read once,
// and there is one launch, where a sweep for the sums and another for the values are two.
// ptx-constants: PACK=1
// ptx-constants: PACK=2

constexpr int MAX_THREADS = 512;
constexpr int VISITS = 8;

// The visits of a thread of a block that takes all of channel blockIdx.x.
__device__ inline Visits<PACK> visits_of_whole_channel(const BatchNormGeometry& g)
{
    return visits_of_thread<PACK>(g, {g.batch * quotient(g.spatial, PACK), 1, 0}, g.spatial, blockDim.x);
}

template <bool ADDS, typename Load>
__device__ inline void normalize_channel(
    const BatchNormGeometry& geometry, Load load_of, const real* gamma, const real* beta, int rectifies, real* y,
    const BatchStatistics& results)
{
    Visits<PACK> visits = visits_of_whole_channel(geometry);
    const int channel = visits.channel, values = visits.left * PACK;
    const auto loads = loads_of<VISITS>(visits, load_of);
    const double factor = gamma != nullptr ? gamma[channel] : 1, summand = beta != nullptr ? beta[channel] : 0;

    Moments moments = {};
    if (values > 0)
    {
        MomentsAroundFirst<real> own(loads.loaded[0].x);
        loads.for_each([&](const Summands& loaded, int64) { own.add(loaded.x); });
        moments = own.of(values);
        // Squares of values beyond 1e19 leave the range of a float, not that of a double. NaN comes here too.
        if (sizeof(real) < sizeof(double) && !isfinite(moments.squared_deviations))
        {
            MomentsAroundFirst<double> wide(loads.loaded[0].x);
            loads.for_each([&](const Summands& loaded, int64) { wide.add(loaded.x); });
            moments = wide.of(values);
        }
    }

    moments = merge_in_block<MAX_THREADS>(moments, 1);
    __shared__ NormalizeConstants constants;
    if (threadIdx.x == 0)
        constants = normalize_constants(moments.mean, results.inv_std_of(moments), factor, summand);
    __syncthreads();
    if (y != nullptr)
    {
        loads.for_each([&](Summands loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
            {
                real& value = loaded.x.values[i];
                value = constants.normalize(value);
                if (ADDS)
                    value += loaded.addend.values[i];
                if (rectifies)
                    value = value <= 0 ? 0 : value;
            }

            store(loaded.x, y + offset);
        });
    }

    // Last, for it waits for the running statistics.
    if (threadIdx.x == 0)
    {
        if (results.batches_tracked != nullptr && channel == 0)
            ++*results.batches_tracked;
        results.write(channel, moments);
    }
}

// batch_norm_channel_forward: blockDim.x a power of two up to 512, of which every thread visits at most 8 times PACK values; a
// block per channel.
// Writes the results, whose momentum is not negative, and y = gamma * (x - mean) * inv_std + beta, channel by channel, cut off
// below 0 if rectifies is set. gamma and beta may be null: 1 and 0; without y there are the results alone.
extern "C" __global__ void __launch_bounds__(512) batch_norm_channel_forward(
    BatchNormGeometry geometry, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ beta, int rectifies, real* __restrict__ y, BatchStatistics results)
{
    normalize_channel<false>(
        geometry, [&](const Visits<PACK>& next) { return Summands{load(x + next.offset), {}}; }, gamma, beta, rectifies,
        y, results);
}

// batch_norm_channel_add_forward: as batch_norm_channel_forward. addend is added to what is cut off.
extern "C" __global__ void __launch_bounds__(512) batch_norm_channel_add_forward(
    BatchNormGeometry geometry, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ beta, const real* __restrict__ addend, int rectifies, real* __restrict__ y,
    BatchStatistics results)
{
    normalize_channel<true>(
        geometry, [&](const Visits<PACK>& next) { return Summands{load(x + next.offset), load(addend + next.offset)}; },
        gamma, beta, rectifies, y, results);
}

// batch_norm_channel_backward: blocks as for batch_norm_channel_forward.
// Reads x and grad_y, of which only what a rectifier behind the normalization lets through counts if rectifies is set. Writes
// the results, and grad_x as batch_norm_backward_input does; grad_x may be null.
extern "C" __global__ void __launch_bounds__(512) batch_norm_channel_backward(
    BatchNormGeometry geometry, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ gamma, const real* __restrict__ beta, const real* __restrict__ grad_y, int rectifies,
    real* __restrict__ grad_x, ChannelGradients results)
{
    Visits<PACK> visits = visits_of_whole_channel(geometry);
    const int channel = visits.channel;
    const auto loads = loads_of<VISITS>(visits, [&](const Visits<PACK>& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    const double mean = statistics.mean_of(channel);
    const NormalizeConstants forward = normalize_constants(statistics, gamma, beta, channel);
    GradientSum sum;
    loads.for_each([&](const InputAndGradient& loaded, int64) {
#pragma unroll
        for (int i = 0; i < PACK; i++)
        {
            const real value = loaded.x.values[i], dy = loaded.grad_y.values[i];
            sum.add(rectifies ? forward.rectified_gradient(value, dy) : dy, value - forward.mean);
        }
    });

    const GradientSums sums = merge_in_block<MAX_THREADS>(sum.finish(mean - forward.mean), 1);
    __shared__ InputGradientConstants constants;
    if (threadIdx.x == 0)
    {
        constants = input_gradient_constants(
            statistics, gamma, sums, (double)geometry.batch * geometry.spatial, channel);
        results.write(statistics, channel, sums);
    }

    if (grad_x == nullptr)
        return;
    __syncthreads();
    loads.for_each([&](InputAndGradient loaded, int64 offset) {
#pragma unroll
        for (int i = 0; i < PACK; i++)
        {
            const real value = loaded.x.values[i], dy = loaded.grad_y.values[i];
            loaded.grad_y.values[i] =
                constants.input_gradient(value, rectifies ? forward.rectified_gradient(value, dy) : dy);
        }

        store(loaded.grad_y, grad_x + offset);
    });
}

#include "batch_norm.cuh"
#include "elements.cuh"

// Batch normalization, the addition of a shortcut and the rectifier in one sweep. Each value goes through the same roundings
// as in the chain of kernels that this stands for, so outputs are the same bit for bit.
// Backward needs to know what the rectifier let through. Without a shortcut x tells it, which has to be read anyhow; with one
// the output does, and the gradient that was let through is stored, being the shortcut's: what follows reads it alone.
// Reals moved per element, where the chain of kernels moves the number in brackets:
//   normalization, rectifier               forward 3 (5), backward 5 (8)
//   normalization, addition, rectifier     forward 4 (8), backward 7 (8)
// ptx-constants: PACK=1
// ptx-constants: PACK=2

// batch_norm_add_relu_forward: blockDim.x 128; blocks as for batch_norm_stats.
// y = max(gamma * (x - mean) * inv_std + beta + addend, 0), channel by channel, where NaN stays NaN. gamma, beta and addend
// may be null: 1, 0 and none. Nothing is cut off unless rectifies is set.
extern "C" __global__ void __launch_bounds__(128) batch_norm_add_relu_forward(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ gamma, const real* __restrict__ beta, const real* __restrict__ addend, int rectifies,
    real* __restrict__ y)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    auto loads = loads_of<4>(visits, [&](const Visits<PACK>& next) {
        return Summands{load(x + next.offset), addend != nullptr ? load(addend + next.offset) : Elements{}};
    });
    const NormalizeConstants constants = normalize_constants(statistics, gamma, beta, visits.channel);
    do
    {
        loads.for_each([&](Summands loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
            {
                real& value = loaded.x.values[i];
                value = constants.normalize(value);
                if (addend != nullptr)
                    value += loaded.addend.values[i];
                if (rectifies)
                    value = value <= 0 ? 0 : value;
            }

            store(loaded.x, y + offset);
        });
    } while (loads.load_next());
}

// batch_norm_add_relu_backward_reduce: blockDim.x 128; blocks as for batch_norm_stats.
// Reads x, grad_y and what forward wrote, y. Writes grad_addend, the gradient that the rectifier lets through, and parts or
// the results as batch_norm_backward_reduce does, of that gradient.
extern "C" __global__ void __launch_bounds__(128) batch_norm_add_relu_backward_reduce(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ y, const real* __restrict__ grad_y, real* __restrict__ grad_addend, GradientSums* parts,
    unsigned* counters, ChannelGradients results)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    auto loads = loads_of<2>(visits, [&](const Visits<PACK>& next) {
        return InputOutputAndGradient{load(x + next.offset), load(y + next.offset), load(grad_y + next.offset)};
    });
    const double mean = statistics.mean_of(visits.channel);
    const real high = (real)mean;
    GradientSum sum;
    do
    {
        loads.for_each([&](InputOutputAndGradient loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
            {
                loaded.grad_y.values[i] = loaded.y.values[i] <= 0 ? 0 : loaded.grad_y.values[i];
                sum.add(loaded.grad_y.values[i], loaded.x.values[i] - high);
            }

            sum.flush_if_many(PACK);
            store(loaded.grad_y, grad_addend + offset);
        });
    } while (loads.load_next());

    GradientSums sums = merge_in_block(sum.finish(mean - high), visits.stride);
    if (leave_part(sums, visits, slices, parts, counters))
        results.write(statistics, visits.channel, sums);
}

// batch_norm_relu_backward_reduce: blockDim.x 128; blocks as for batch_norm_stats.
// Reads x and grad_y. Writes parts or the results as batch_norm_backward_reduce does, of the gradient that the rectifier lets
// through.
extern "C" __global__ void __launch_bounds__(128) batch_norm_relu_backward_reduce(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ gamma, const real* __restrict__ beta, const real* __restrict__ grad_y, GradientSums* parts,
    unsigned* counters, ChannelGradients results)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    auto loads = loads_of<4>(visits, [&](const Visits<PACK>& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    const double mean = statistics.mean_of(visits.channel);
    const NormalizeConstants constants = normalize_constants(statistics, gamma, beta, visits.channel);
    GradientSum sum;
    do
    {
        loads.for_each([&](const InputAndGradient& loaded, int64) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
            {
                const real value = loaded.x.values[i];
                sum.add(constants.rectified_gradient(value, loaded.grad_y.values[i]), value - constants.mean);
            }

            sum.flush_if_many(PACK);
        });
    } while (loads.load_next());

    GradientSums sums = merge_in_block(sum.finish(mean - constants.mean), visits.stride);
    if (leave_part(sums, visits, slices, parts, counters))
        results.write(statistics, visits.channel, sums);
}

// batch_norm_relu_backward_input: blockDim.x 128; blocks as for batch_norm_stats.
// Writes grad_x as batch_norm_backward_input does, from the gradient that the rectifier lets through.
extern "C" __global__ void __launch_bounds__(128) batch_norm_relu_backward_input(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ gamma, const real* __restrict__ beta, const real* __restrict__ grad_y,
    const GradientSums* __restrict__ sums_of_channels, real* __restrict__ grad_x)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    auto loads = loads_of<4>(visits, [&](const Visits<PACK>& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    const NormalizeConstants forward = normalize_constants(statistics, gamma, beta, visits.channel);
    const InputGradientConstants constants = input_gradient_constants(
        statistics, gamma, sums_of_channels[visits.channel], (double)geometry.batch * geometry.spatial,
        visits.channel);
    do
    {
        loads.for_each([&](InputAndGradient loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
            {
                const real value = loaded.x.values[i];
                const real gradient = forward.rectified_gradient(value, loaded.grad_y.values[i]);
                loaded.grad_y.values[i] = constants.input_gradient(value, gradient);
            }

            store(loaded.grad_y, grad_x + offset);
        });
    } while (loads.load_next());
}

// batch_norm_relu_frozen_backward_input: blockDim.x 128; blocks as for batch_norm_stats.
// grad_x = gamma * inv_std * the gradient that the rectifier lets through: given statistics pass no gradient on.
extern "C" __global__ void __launch_bounds__(128) batch_norm_relu_frozen_backward_input(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, const real* __restrict__ x,
    const real* __restrict__ gamma, const real* __restrict__ beta, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    Visits<PACK> visits = visits_of_thread<PACK>(geometry, slices, geometry.spatial);
    auto loads = loads_of<4>(visits, [&](const Visits<PACK>& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    const NormalizeConstants constants = normalize_constants(statistics, gamma, beta, visits.channel);
    do
    {
        loads.for_each([&](InputAndGradient loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                loaded.grad_y.values[i] =
                    constants.rectified_gradient(loaded.x.values[i], loaded.grad_y.values[i]) * constants.scale;
            store(loaded.grad_y, grad_x + offset);
        });
    } while (loads.load_next());
}

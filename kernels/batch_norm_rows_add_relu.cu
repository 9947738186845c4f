#include "batch_norm_rows.cuh"

// Batch normalization of matrices x[rows, channels], the addition of a shortcut and the rectifier in one sweep: for matrices
// what batch_norm_add_relu.cu is for planes, with the same roundings as in the chain of kernels, and as many reals moved.
// ptx-constants: PACK=1
// ptx-constants: PACK=2

// batch_norm_rows_add_relu_forward: blockDim.x 128; blocks as for batch_norm_rows_stats.
// y = max(gamma * (x - mean) * inv_std + beta + addend, 0), channel by channel, where NaN stays NaN. gamma, beta and addend
// may be null: 1, 0 and none. Nothing is cut off unless rectifies is set.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_add_relu_forward(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ beta, const real* __restrict__ addend, int rectifies, real* __restrict__ y)
{
    RowVisits visits = row_visits_of_thread(rows);
    auto loads = loads_of<4>(visits, [&](const RowVisits& next) {
        return Summands{load(x + next.offset), addend != nullptr ? load(addend + next.offset) : Elements{}};
    });
    NormalizeConstants constants[PACK];
    normalize_constants_of(visits, statistics, gamma, beta, constants);
    do
    {
        loads.for_each([&](Summands loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
            {
                real& value = loaded.x.values[i];
                value = constants[i].normalize(value);
                if (addend != nullptr)
                    value += loaded.addend.values[i];
                if (rectifies)
                    value = value <= 0 ? 0 : value;
            }

            store(loaded.x, y + offset);
        });
    } while (loads.load_next());
}

// batch_norm_rows_add_relu_backward_reduce: blockDim.x 128; blocks as for batch_norm_rows_stats.
// Reads x, grad_y and what forward wrote, y. Writes grad_addend, the gradient that the rectifier lets through, and parts as
// batch_norm_rows_backward_reduce does, of that gradient.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_add_relu_backward_reduce(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ y,
    const real* __restrict__ grad_y, real* __restrict__ grad_addend, GradientSums* __restrict__ parts)
{
    RowVisits visits = row_visits_of_thread(rows);
    auto loads = loads_of<2>(visits, [&](const RowVisits& next) {
        return InputOutputAndGradient{load(x + next.offset), load(y + next.offset), load(grad_y + next.offset)};
    });
    RowGradientSums sums(statistics, visits);
    do
    {
        loads.for_each([&](InputOutputAndGradient loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                loaded.grad_y.values[i] = loaded.y.values[i] <= 0 ? 0 : loaded.grad_y.values[i];
            sums.add(loaded.grad_y, loaded.x);
            store(loaded.grad_y, grad_addend + offset);
        });
    } while (loads.load_next());

    sums.leave(rows, visits, parts);
}

// batch_norm_rows_relu_backward_reduce: blockDim.x 128; blocks as for batch_norm_rows_stats.
// Reads x and grad_y. Writes parts as batch_norm_rows_backward_reduce does, of the gradient that the rectifier lets through.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_relu_backward_reduce(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ beta, const real* __restrict__ grad_y, GradientSums* __restrict__ parts)
{
    RowVisits visits = row_visits_of_thread(rows);
    auto loads = loads_of<2>(visits, [&](const RowVisits& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    NormalizeConstants constants[PACK];
    normalize_constants_of(visits, statistics, gamma, beta, constants);
    RowGradientSums sums(statistics, visits);
    do
    {
        loads.for_each([&](InputAndGradient loaded, int64) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                loaded.grad_y.values[i] = constants[i].rectified_gradient(loaded.x.values[i], loaded.grad_y.values[i]);
            sums.add(loaded.grad_y, loaded.x);
        });
    } while (loads.load_next());

    sums.leave(rows, visits, parts);
}

// batch_norm_rows_relu_backward_input: blockDim.x 128; blocks as for batch_norm_rows_stats.
// Writes grad_x as batch_norm_rows_backward_input does, from the gradient that the rectifier lets through.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_relu_backward_input(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ beta, const real* __restrict__ grad_y, const GradientSums* __restrict__ sums_of_channels,
    real* __restrict__ grad_x)
{
    RowVisits visits = row_visits_of_thread(rows);
    auto loads = loads_of<2>(visits, [&](const RowVisits& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    NormalizeConstants forward[PACK];
    InputGradientConstants constants[PACK];
#pragma unroll
    for (int i = 0; i < PACK; i++)
    {
        const int channel = visits.channel + i;
        forward[i] = normalize_constants(statistics, gamma, beta, channel);
        constants[i] = input_gradient_constants(
            statistics, gamma, sums_of_channels[channel], (double)rows.rows, channel);
    }

    do
    {
        loads.for_each([&](InputAndGradient loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
            {
                const real value = loaded.x.values[i];
                const real gradient = forward[i].rectified_gradient(value, loaded.grad_y.values[i]);
                loaded.grad_y.values[i] = constants[i].input_gradient(value, gradient);
            }

            store(loaded.grad_y, grad_x + offset);
        });
    } while (loads.load_next());
}

// batch_norm_rows_relu_frozen_backward_input: blockDim.x 128; blocks as for batch_norm_rows_stats.
// grad_x = gamma * inv_std * the gradient that the rectifier lets through: given statistics pass no gradient on.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_relu_frozen_backward_input(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ beta, const real* __restrict__ grad_y, real* __restrict__ grad_x)
{
    RowVisits visits = row_visits_of_thread(rows);
    auto loads = loads_of<2>(visits, [&](const RowVisits& next) {
        return InputAndGradient{load(x + next.offset), load(grad_y + next.offset)};
    });
    NormalizeConstants constants[PACK];
    normalize_constants_of(visits, statistics, gamma, beta, constants);
    do
    {
        loads.for_each([&](InputAndGradient loaded, int64 offset) {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                loaded.grad_y.values[i] =
                    constants[i].rectified_gradient(loaded.x.values[i], loaded.grad_y.values[i]) * constants[i].scale;
            store(loaded.grad_y, grad_x + offset);
        });
    } while (loads.load_next());
}

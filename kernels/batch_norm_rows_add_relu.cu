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
    NormalizeConstants constants[PACK];
    normalize_constants_of(visits, statistics, gamma, beta, constants);
    for (; visits.is_any(); visits.advance())
    {
        Elements elements = load(x + visits.offset(rows));
#pragma unroll
        for (int i = 0; i < PACK; i++)
            elements.values[i] = constants[i].normalize(elements.values[i]);
        if (addend != nullptr)
        {
            const Elements added = load(addend + visits.offset(rows));
#pragma unroll
            for (int i = 0; i < PACK; i++)
                elements.values[i] += added.values[i];
        }

        if (rectifies)
        {
#pragma unroll
            for (int i = 0; i < PACK; i++)
                elements.values[i] = elements.values[i] <= 0 ? 0 : elements.values[i];
        }

        store(elements, y + visits.offset(rows));
    }
}

// batch_norm_rows_add_relu_backward_reduce: blockDim.x 128; blocks as for batch_norm_rows_stats.
// Reads x, grad_y and what forward wrote, y. Writes grad_addend, the gradient that the rectifier lets through, and parts as
// batch_norm_rows_backward_reduce does, of that gradient.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_add_relu_backward_reduce(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ y,
    const real* __restrict__ grad_y, real* __restrict__ grad_addend, GradientSums* __restrict__ parts)
{
    RowVisits visits = row_visits_of_thread(rows);
    RowGradientSums sums(statistics, visits);
    for (; visits.is_any(); visits.advance())
    {
        const Elements values = load(x + visits.offset(rows)), outputs = load(y + visits.offset(rows));
        Elements gradients = load(grad_y + visits.offset(rows));
#pragma unroll
        for (int i = 0; i < PACK; i++)
            gradients.values[i] = outputs.values[i] <= 0 ? 0 : gradients.values[i];
        sums.add(gradients, values);
        store(gradients, grad_addend + visits.offset(rows));
    }

    sums.leave(rows, visits, parts);
}

// batch_norm_rows_relu_backward_reduce: blockDim.x 128; blocks as for batch_norm_rows_stats.
// Reads x and grad_y. Writes parts as batch_norm_rows_backward_reduce does, of the gradient that the rectifier lets through.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_relu_backward_reduce(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ beta, const real* __restrict__ grad_y, GradientSums* __restrict__ parts)
{
    RowVisits visits = row_visits_of_thread(rows);
    NormalizeConstants constants[PACK];
    normalize_constants_of(visits, statistics, gamma, beta, constants);
    RowGradientSums sums(statistics, visits);
    for (; visits.is_any(); visits.advance())
    {
        const Elements values = load(x + visits.offset(rows));
        Elements gradients = load(grad_y + visits.offset(rows));
#pragma unroll
        for (int i = 0; i < PACK; i++)
            gradients.values[i] = constants[i].rectified_gradient(values.values[i], gradients.values[i]);
        sums.add(gradients, values);
    }

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

    for (; visits.is_any(); visits.advance())
    {
        const Elements values = load(x + visits.offset(rows));
        Elements gradients = load(grad_y + visits.offset(rows));
#pragma unroll
        for (int i = 0; i < PACK; i++)
        {
            const real gradient = forward[i].rectified_gradient(values.values[i], gradients.values[i]);
            gradients.values[i] = constants[i].input_gradient(values.values[i], gradient);
        }

        store(gradients, grad_x + visits.offset(rows));
    }
}

// batch_norm_rows_relu_frozen_backward_input: blockDim.x 128; blocks as for batch_norm_rows_stats.
// grad_x = gamma * inv_std * the gradient that the rectifier lets through: given statistics pass no gradient on.
extern "C" __global__ void __launch_bounds__(128) batch_norm_rows_relu_frozen_backward_input(
    ChannelRows rows, BatchNormStatistics statistics, const real* __restrict__ x, const real* __restrict__ gamma,
    const real* __restrict__ beta, const real* __restrict__ grad_y, real* __restrict__ grad_x)
{
    RowVisits visits = row_visits_of_thread(rows);
    NormalizeConstants constants[PACK];
    normalize_constants_of(visits, statistics, gamma, beta, constants);
    for (; visits.is_any(); visits.advance())
    {
        const Elements values = load(x + visits.offset(rows));
        Elements gradients = load(grad_y + visits.offset(rows));
#pragma unroll
        for (int i = 0; i < PACK; i++)
            gradients.values[i] =
                constants[i].rectified_gradient(values.values[i], gradients.values[i]) * constants[i].scale;
        store(gradients, grad_x + visits.offset(rows));
    }
}

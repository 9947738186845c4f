#include "split_sums.cuh"

// linear_add_bias: any block and grid size of one dimension.
// y[batch, features] += bias[features].
extern "C" __global__ void linear_add_bias(
    const real* __restrict__ bias, int64 elements, int features, real* __restrict__ y)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
        y[i] += bias[i % features];
}

// linear_backward_bias: blockDim.x 256; a block per 32 features.
// grad_bias[features] = the sums of grad_y[batch, features] over the batch.
extern "C" __global__ void __launch_bounds__(SPLIT_SUM_THREADS) linear_backward_bias(
    const real* __restrict__ grad_y, int batch, int features, real* __restrict__ grad_bias)
{
    sum_splits(grad_y, batch, features, [&](int64 feature, real sum) { grad_bias[feature] = sum; });
}

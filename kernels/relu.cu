#include "common.cuh"

// relu_forward: any block and grid size of one dimension.
// y = max(x, 0), where NaN stays NaN; both may be one.
extern "C" __global__ void relu_forward(const real* x, int64 elements, real* y)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
        y[i] = x[i] <= 0 ? 0 : x[i];
}

// relu_backward: any block and grid size of one dimension.
// The gradient passes where the output y is above zero or NaN.
extern "C" __global__ void relu_backward(
    const real* __restrict__ y, const real* __restrict__ grad_y, int64 elements, real* __restrict__ grad_x)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
        grad_x[i] = y[i] <= 0 ? 0 : grad_y[i];
}

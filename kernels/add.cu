#include "common.cuh"

// add: any block and grid size of one dimension.
// y = left + right; both may be the same.
extern "C" __global__ void add(
    const real* __restrict__ left, const real* __restrict__ right, int64 elements, real* __restrict__ y)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
        y[i] = left[i] + right[i];
}

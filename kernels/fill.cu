#include "common.cuh"

// fill: any block and grid size of one dimension.
// Writes value to all elements of y.
extern "C" __global__ void fill(real value, int64 elements, real* __restrict__ y)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
        y[i] = value;
}

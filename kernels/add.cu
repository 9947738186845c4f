#include "common.cuh"

// add: any block and grid size of one dimension.
// y = left + right, cut off below 0 if rectifies is set, where NaN stays NaN; all may be the same.
extern "C" __global__ void add(
    const real* left, const real* right, int64 elements, int rectifies, real* y)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
    {
        const real sum = left[i] + right[i];
        y[i] = rectifies && sum <= 0 ? 0 : sum;
    }
}

// Sums over the lanes of a warp, in an order that never changes.
#pragma once
#include "common.cuh"

// In every lane; all lanes call.
__device__ inline real sum_of_warp(real sum)
{
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
        sum += __shfl_xor_sync(0xFFFFFFFF, sum, distance);
    return sum;
}

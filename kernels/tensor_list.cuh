// Kernels that work on many tensors in one launch: their addresses are an argument of the kernel, so that nothing on the device
// can be out of date, and a block has a chunk of one of them.
#pragma once
#include "common.cuh"

// How many elements a block has.
constexpr int CHUNK = 1024;

struct Chunk
{
    int tensor;
    int64 first;
    int elements;
};

// The chunk of this block: blocks first_chunk[i] to first_chunk[i + 1] - 1 have tensor i, which is found by bisection.
__device__ inline Chunk chunk_of_block(const unsigned* first_chunk, const int64* elements, int tensors)
{
    int low = 0;
    for (int high = tensors; high - low > 1;)
    {
        const int middle = (low + high) / 2;
        if (first_chunk[middle] <= blockIdx.x)
            low = middle;
        else
            high = middle;
    }

    const int64 first = (int64)(blockIdx.x - first_chunk[low]) * CHUNK;
    const int64 left = elements[low] - first;
    return {low, first, left < CHUNK ? (int)left : CHUNK};
}

// Whether a loss that was not finite, which the loss kernel has noted in watch[1], stops all updates.
__device__ inline bool is_stopped(const int64* watch)
{
    return watch != nullptr && watch[1] != 0;
}

// What gradients are multiplied by: 1 where there is nothing to read it from.
__device__ inline real scale_of(const double* gradient_scale)
{
    return gradient_scale == nullptr ? (real)1 : (real)*gradient_scale;
}

// Elements that one instruction loads or stores together, where their address is a multiple of their size.
#pragma once
#include "common.cuh"

constexpr int PACK_ELEMENTS = 16 / sizeof(real);

struct alignas(16) Pack
{
    real values[PACK_ELEMENTS];
};

struct alignas(2 * sizeof(real)) Pair
{
    real left;
    real right;
};

__device__ inline bool is_aligned(const void* address)
{
    return (size_t)address % sizeof(Pack) == 0;
}

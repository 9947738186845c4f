// Elements that a thread takes at a time. PACK, how many one instruction loads, is set by the compile options: 16 bytes where
// every plane is a multiple of that, else one element.
#pragma once
#include "common.cuh"

struct alignas(PACK * sizeof(real)) Elements
{
    real values[PACK];
};

// Those at one place of several tensors.
struct Summands
{
    Elements x;
    Elements addend;
};

struct InputAndGradient
{
    Elements x;
    Elements grad_y;
};

struct InputOutputAndGradient
{
    Elements x;
    Elements y;
    Elements grad_y;
};

__device__ inline Elements load(const real* address)
{
    return *(const Elements*)address;
}

__device__ inline void store(const Elements& elements, real* address)
{
    *(Elements*)address = elements;
}

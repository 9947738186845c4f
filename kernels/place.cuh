// Where elements lie in a matrix whose number of elements may pass 2^31. Dividing 64 bits takes a GPU about a hundred
// instructions: a block does it once, and its threads go on from there in 32 bits.
#pragma once
#include "common.cuh"

struct Place
{
    int64 row;
    int column;
};

__device__ inline Place place_of(int64 element, int width)
{
    const int64 row = element / width;
    return {row, (int)(element - row * width)};
}

// The place that many elements after another: fewer than 2^31.
__device__ inline Place place_after(Place from, int steps, int width)
{
    const unsigned column = (unsigned)from.column + (unsigned)steps;
    const unsigned rows = column / (unsigned)width;
    return {from.row + rows, (int)(column - rows * (unsigned)width)};
}

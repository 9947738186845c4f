// Sums over the rows of a matrix: the last step of a product whose terms were split among blocks, each of which left a row.
#pragma once
#include "common.cuh"

constexpr int SPLIT_SUM_THREADS = 256;
constexpr int SPLIT_SUM_COLUMNS = 32;
constexpr int SPLIT_SUM_LANES = SPLIT_SUM_THREADS / SPLIT_SUM_COLUMNS;

// store(i, sum of partials[splits, elements] over the splits) for the 32 elements of this block, in an order that never
// changes: eight threads take every eighth split, and their sums are added up in order. blockDim.x is 256.
template <typename Store>
static __device__ void sum_splits(const real* __restrict__ partials, int splits, int64 elements, Store store)
{
    __shared__ real sums[SPLIT_SUM_LANES][SPLIT_SUM_COLUMNS];
    const int column = (int)threadIdx.x % SPLIT_SUM_COLUMNS, lane = (int)threadIdx.x / SPLIT_SUM_COLUMNS;
    const int64 element = (int64)blockIdx.x * SPLIT_SUM_COLUMNS + column;
    real sum = 0;
    if (element < elements)
    {
#pragma unroll 4
        for (int split = lane; split < splits; split += SPLIT_SUM_LANES)
            sum += partials[split * elements + element];
    }

    sums[lane][column] = sum;
    __syncthreads();
    if (lane != 0 || element >= elements)
        return;
    for (int i = 1; i < SPLIT_SUM_LANES; i++)
        sum += sums[i][column];
    store(element, sum);
}

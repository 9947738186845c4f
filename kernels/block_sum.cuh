// The sum over the threads of a block, in an order that depends on blockDim.x alone.
#pragma once

constexpr int MAX_SUM_THREADS = 256;

// blockDim.x a power of two up to 256; all threads call. The sum is of use in thread 0 alone.
static __device__ inline double sum_of_block(double sum)
{
    __shared__ double of_thread[MAX_SUM_THREADS];
    __syncthreads();
    of_thread[threadIdx.x] = sum;
    for (int distance = blockDim.x / 2; distance > 0; distance /= 2)
    {
        __syncthreads();
        if (threadIdx.x < distance)
            of_thread[threadIdx.x] += of_thread[threadIdx.x + distance];
    }

    return threadIdx.x == 0 ? of_thread[0] : sum;
}

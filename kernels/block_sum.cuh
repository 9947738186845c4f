// Sums over the threads of a block, in an order that depends on the number of threads alone.
#pragma once

constexpr int MAX_SUM_THREADS = 256;

// The sum over every group of lanes neighbouring threads. lanes a power of two up to blockDim.x, which is at most 256; all
// threads call. The sum is of use in the first thread of a group alone.
static __device__ inline double sum_of_lanes(double sum, int lanes)
{
    const int lane = threadIdx.x % lanes;
    __shared__ double of_thread[MAX_SUM_THREADS];
    __syncthreads();
    of_thread[threadIdx.x] = sum;
    for (int distance = lanes / 2; distance > 0; distance /= 2)
    {
        __syncthreads();
        if (lane < distance)
            of_thread[threadIdx.x] += of_thread[threadIdx.x + distance];
    }

    return lane == 0 ? of_thread[threadIdx.x] : sum;
}

// The sum over a block of a power of two of threads up to 256; of use in thread 0 alone.
static __device__ inline double sum_of_block(double sum)
{
    return sum_of_lanes(sum, blockDim.x);
}

// Count, mean and sum of squared deviations of some values. Two of them merge into those of all values (Chan, Golub and
// LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
#pragma once

struct Moments
{
    double count;
    double mean;
    double squared_deviations;

    __device__ void merge(const Moments& other)
    {
        if (other.count == 0)
            return;
        const double both = count + other.count;
        const double delta = other.mean - mean;
        mean += delta * (other.count / both);
        squared_deviations += other.squared_deviations + delta * delta * (count * (other.count / both));
        count = both;
    }
};

// sum dy, and sum dy * (x - mean).
struct GradientSums
{
    double gradient;
    double product;

    __device__ void merge(const GradientSums& other)
    {
        gradient += other.gradient;
        product += other.product;
    }
};

// Merges what the threads of a block hold, in an order that never changes: threads stride apart into one, which the first
// stride threads then hold. blockDim.x and stride are powers of two, blockDim.x at most 128.
template <typename Sums>
static __device__ Sums merge_in_block(const Sums& own, int stride)
{
    __shared__ Sums of_thread[128];
    of_thread[threadIdx.x] = own;
    __syncthreads();
    for (int distance = blockDim.x / 2; distance >= stride; distance /= 2)
    {
        if (threadIdx.x < distance)
            of_thread[threadIdx.x].merge(of_thread[threadIdx.x + distance]);
        __syncthreads();
    }

    return of_thread[threadIdx.x];
}

// The sum of parts values that lie in a row, by one warp: blockDim.x is 32. Of use in thread 0 alone.
template <typename Sums>
static __device__ Sums merge_row(const Sums* __restrict__ parts, int64 count)
{
    Sums sums = {};
    for (int64 i = threadIdx.x; i < count; i += blockDim.x)
        sums.merge(parts[i]);
    return merge_in_block(sums, 1);
}

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
        if (count == 0)
        {
            *this = other;
            return;
        }

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

// Moments as sums around an origin of their own, which merge without a division.
struct MomentSums
{
    double count;
    double deviations;
    double squares;

    __device__ void merge(const MomentSums& other)
    {
        count += other.count;
        deviations += other.deviations;
        squares += other.squares;
    }
};

// Merges what the threads of a block hold, in an order that never changes: threads stride apart into one, which the first
// stride threads then hold. blockDim.x and stride are powers of two, blockDim.x at most MAX_THREADS.
template <int MAX_THREADS = 128, typename Sums>
static __device__ Sums merge_in_block(const Sums& own, int stride)
{
    __shared__ Sums of_thread[MAX_THREADS];
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

// The same of moments, of which the first stride threads have some if any thread has; stride is at most 32. The mean of the
// first is the origin: no farther from the mean of all than the means are from each other.
template <int MAX_THREADS = 128>
static __device__ Moments merge_in_block(const Moments& own, int stride)
{
    __shared__ double origins[32];
    if (threadIdx.x < stride)
        origins[threadIdx.x] = own.mean;
    __syncthreads();
    const double origin = origins[threadIdx.x & (stride - 1)];

    MomentSums sums = {};
    if (own.count > 0)
    {
        // The difference of two infinite means would not be the origin's own distance from itself.
        const double deviation = own.mean == origin ? 0 : own.mean - origin;
        const double deviations = own.count * deviation;
        sums = {own.count, deviations, own.squared_deviations + deviations * deviation};
    }

    sums = merge_in_block<MAX_THREADS>(sums, stride);
    const double mean = sums.deviations / sums.count, rest = sums.squares - sums.deviations * mean;
    // Rounding may leave less than nothing; NaN stays.
    return {sums.count, origin + mean, rest < 0 ? 0 : rest};
}

// What one block merges of count values that lie in a row. Of use in thread 0 alone.
template <typename Sums>
static __device__ Sums merge_row(const Sums* parts, int64 count)
{
    Sums sums = {};
    for (int64 i = threadIdx.x; i < count; i += blockDim.x)
        sums.merge(parts[i]);
    return merge_in_block(sums, 1);
}

// The statistics of a batch: how a thread gathers what it has of them, and where they go.
#pragma once
#include "elements.cuh"
#include "moments.cuh"

// As the C# structure of that name: where the statistics of a batch go, in double, for backward; and running statistics, which
// may be null, that move towards them with the weight momentum or, if that is negative, one over the number of batches.
struct BatchStatistics
{
    double* mean;
    double* inv_std;
    real* running_mean;
    real* running_variance;
    int64* batches_tracked;
    double momentum;
    double epsilon;
    int is_unbiased;

    __device__ double inv_std_of(const Moments& moments) const
    {
        return 1 / sqrt(moments.squared_deviations / moments.count + epsilon);
    }

    __device__ void write(int channel, const Moments& moments) const
    {
        const bool is_running = running_mean != nullptr;
        const double old_mean = is_running ? running_mean[channel] : 0;
        const double old_variance = is_running ? running_variance[channel] : 0;
        const double variance = moments.squared_deviations / moments.count;
        mean[channel] = moments.mean;
        inv_std[channel] = inv_std_of(moments);
        if (!is_running)
            return;
        const double weight = momentum < 0 ? 1.0 / *batches_tracked : momentum;
        const double stored = is_unbiased ? moments.squared_deviations / (moments.count - 1) : variance;
        running_mean[channel] = (real)((1 - weight) * old_mean + weight * moments.mean);
        running_variance[channel] = (real)((1 - weight) * old_variance + weight * stored);
    }
};

// The moments of what a thread visits, as sums around its first value, which is never farther from their mean than they are
// from each other: a single sweep then keeps its digits, wherever the mean is.
template <typename Number>
struct MomentsAroundFirst
{
    Number origin;
    Number sum = 0;
    Number squares = 0;

    __device__ explicit MomentsAroundFirst(const Elements& first) : origin((Number)first.values[0]) {}

    __device__ void add(const Elements& elements)
    {
#pragma unroll
        for (int i = 0; i < PACK; i++)
        {
            const Number deviation = (Number)elements.values[i] - origin;
            sum += deviation;
            squares += deviation * deviation;
        }
    }

    // Of so many values.
    __device__ Moments of(int values) const
    {
        const double mean = (double)sum / values;
        const double squared_deviations = (double)squares - mean * (double)sum;
        // Rounding may leave less than nothing; NaN stays.
        return {(double)values, (double)origin + mean, squared_deviations < 0 ? 0 : squared_deviations};
    }
};

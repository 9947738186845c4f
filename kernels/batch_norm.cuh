// What the kernels of batch normalization share: which values of a channel a block takes, and the constants of a channel.
#pragma once
#include "common.cuh"
#include "moments.cuh"

// As the C# structure of that name: x is [batch, channels, spatial].
struct BatchNormGeometry
{
    int64 batch;
    int channels;
    int64 spatial;
};

// As the C# structure of that name. How the values of a channel are shared out: a block takes one of slices parts of one
// channel, whose planes follow each other without gaps as far as its threads are concerned, so that no lane idles at the
// end of a plane. Where planes are so small that neighbouring threads would read far apart, in_columns is set: then a block
// takes 32 neighbouring columns of x as [batch, channels * spatial], in a slice of the batch.
struct ChannelSlices
{
    int64 visits_per_slice;
    int slices;
    int in_columns;
};

constexpr int COLUMNS = 32;

// The places of one channel that a thread visits: every row is a plane, and a column VISITED elements of it.
template <int VISITED>
struct Visits
{
    int channel;
    int64 left;
    int64 base;
    int64 row_stride;
    int64 row, column;
    int64 row_step, column_step, columns;
    int64 part; // where the first threads of the block leave the block's sums
    int stride; // how far apart the threads are that visit the same channel

    __device__ int64 offset() const { return base + row * row_stride + column * VISITED; }

    __device__ void advance()
    {
        row += row_step;
        column += column_step;
        if (column >= columns)
        {
            column -= columns;
            row++;
        }

        left--;
    }
};

// elements_per_plane of every plane are visited, VISITED at a time; with in_columns, that is 1.
template <int VISITED>
__device__ Visits<VISITED> visits_of_thread(const BatchNormGeometry& g, const ChannelSlices& slices, int64 elements_per_plane)
{
    Visits<VISITED> visits;
    visits.row_stride = g.channels * elements_per_plane;
    if (slices.in_columns)
    {
        const int tiles = (int)ceil_div(visits.row_stride, COLUMNS), lanes = blockDim.x / COLUMNS;
        const int64 column = (int64)(blockIdx.x % tiles) * COLUMNS + threadIdx.x % COLUMNS;
        const int64 slice = blockIdx.x / tiles, lane = threadIdx.x / COLUMNS;
        const int64 first = slice * slices.visits_per_slice;
        const int64 rows = g.batch - first < slices.visits_per_slice ? g.batch - first : slices.visits_per_slice;
        const bool is_inside = column < visits.row_stride;
        visits.channel = is_inside ? (int)(column / elements_per_plane) : 0;
        visits.left = is_inside && rows > lane ? ceil_div(rows - lane, lanes) : 0;
        visits.base = column;
        visits.row = first + lane;
        visits.column = 0;
        visits.row_step = lanes;
        visits.column_step = 0;
        visits.columns = 1;
        visits.part = is_inside ? column * slices.slices + slice : -1;
        visits.stride = COLUMNS;
        return visits;
    }

    visits.columns = elements_per_plane / VISITED;
    visits.channel = (int)(blockIdx.x % g.channels);
    const int64 slice = blockIdx.x / g.channels, all = g.batch * visits.columns;
    const int64 first = slice * slices.visits_per_slice + threadIdx.x;
    const int64 end = (slice + 1) * slices.visits_per_slice < all ? (slice + 1) * slices.visits_per_slice : all;
    visits.left = end > first ? ceil_div(end - first, blockDim.x) : 0;
    visits.base = visits.channel * elements_per_plane;
    visits.row = first / visits.columns;
    visits.column = first - visits.row * visits.columns;
    visits.row_step = blockDim.x / visits.columns;
    visits.column_step = blockDim.x - visits.row_step * visits.columns;
    visits.part = (int64)visits.channel * slices.slices + slice;
    visits.stride = 1;
    return visits;
}

// As the C# structure of that name: those of the batch, saved in double, or given ones, of which variance is not null.
struct BatchNormStatistics
{
    const double* saved_mean;
    const double* saved_inv_std;
    const real* mean;
    const real* variance;
    double epsilon;

    __device__ double mean_of(int channel) const
    {
        return variance != nullptr ? (double)mean[channel] : saved_mean[channel];
    }

    __device__ double inv_std_of(int channel) const
    {
        return variance != nullptr ? 1 / sqrt((double)variance[channel] + epsilon) : saved_inv_std[channel];
    }
};

// y = (x - mean) * scale + shift. The mean is kept as a real and what that rounds away, which goes into the shift, so that
// x - mean loses nothing where the mean is far from zero.
struct NormalizeConstants
{
    real mean;
    real scale;
    real shift;

    // One rounding more or less would tell the fused kernel from the chain of kernels it stands for.
    __device__ real normalize(real x) const { return fma(x - mean, scale, shift); }

    // The gradient dy by max(y, 0) as a gradient by y: 0 where y is cut off or at the kink.
    __device__ real rectified_gradient(real x, real dy) const { return normalize(x) <= 0 ? 0 : dy; }
};

__device__ inline double of_channel(const real* values, int channel, double if_null)
{
    return values != nullptr ? (double)values[channel] : if_null;
}

__device__ inline NormalizeConstants normalize_constants(
    const BatchNormStatistics& statistics, const real* gamma, const real* beta, int channel)
{
    const double mean = statistics.mean_of(channel);
    const double scale = statistics.inv_std_of(channel) * of_channel(gamma, channel, 1);
    const real high = (real)mean;
    return {high, (real)scale, (real)(of_channel(beta, channel, 0) - (mean - high) * scale)};
}

// dx = scale * (dy - sum dy / M - xhat * sum(dy * xhat) / M).
struct InputGradientConstants
{
    real mean;
    real inv_std;
    real offset;
    real slope;
    real scale;

    __device__ real input_gradient(real x, real dy) const
    {
        return fma((x - mean) * inv_std, slope, dy - offset) * scale;
    }
};

// sums are those of the channel over all of its values_per_channel values.
__device__ inline InputGradientConstants input_gradient_constants(
    const BatchNormStatistics& statistics, const real* gamma, const GradientSums& sums, double values_per_channel,
    int channel)
{
    const double mean = statistics.mean_of(channel), inv_std = statistics.inv_std_of(channel);
    const real high = (real)mean;
    const double slope = sums.product * inv_std / values_per_channel;
    return {
        high, (real)inv_std, (real)(sums.gradient / values_per_channel - slope * (mean - high) * inv_std),
        (real)-slope, (real)(inv_std * of_channel(gamma, channel, 1))};
}

// The sums of a thread while it walks: in reals, and in double once there are many.
struct GradientSum
{
    static constexpr int MAX_TERMS = 64;

    GradientSums total = {};
    real gradient = 0;
    real product = 0;
    int terms = 0;

    __device__ void add(real dy, real deviation)
    {
        gradient += dy;
        product = fma(dy, deviation, product);
        if (++terms == MAX_TERMS)
            flush();
    }

    __device__ void flush()
    {
        total.merge({(double)gradient, (double)product});
        gradient = product = 0;
        terms = 0;
    }

    // What the mean's rounding left out of every deviation.
    __device__ GradientSums finish(double rest)
    {
        flush();
        return {total.gradient, total.product - rest * total.gradient};
    }
};

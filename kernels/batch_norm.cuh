// What the kernels of batch normalization share: which values of a channel a block takes, and the constants of a channel.
#pragma once
#include "batch_norm_loads.cuh"
#include "last_block.cuh"
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

constexpr int THREADS = 128;
constexpr int COLUMNS = 32;

// As quotient of an int, where the divisor may need 64 bits, too.
__device__ inline int64 quotient(int64 dividend, int64 divisor)
{
    return (dividend | divisor) >> 32 == 0 ? (int64)((unsigned)dividend / (unsigned)divisor) : dividend / divisor;
}

// The places of one channel that a thread visits: every row is a plane, and a column VISITED elements of it. A thread that
// visits none stands at the first element of all.
template <int VISITED>
struct Visits
{
    int channel;
    int left;
    int64 offset; // of the next one
    int64 step;   // how far behind it the one after it is, in the same plane,
    int64 gap;    // and how much farther past the end of the plane
    int64 column, column_step, columns;
    int64 part; // where the first threads of the block leave the block's sums
    int stride; // how far apart the threads are that visit the same channel

    // Nowhere if not goes_on. Without branches, which would part the loads of several visits from each other.
    __device__ void advance(bool goes_on)
    {
        const int64 next = column + column_step;
        const bool is_past = next >= columns;
        offset += (step + (gap & -(int64)is_past)) & -(int64)goes_on;
        column = goes_on ? next - (columns & -(int64)is_past) : column;
    }
};

// elements_per_plane of every plane are visited, VISITED at a time; with in_columns, that is 1. Blocks have so many threads,
// with in_columns always 128.
template <int VISITED>
__device__ Visits<VISITED> visits_of_thread(
    const BatchNormGeometry& g, const ChannelSlices& slices, int64 elements_per_plane, int threads = THREADS)
{
    Visits<VISITED> visits = {};
    const int64 row_stride = g.channels * elements_per_plane;
    if (slices.in_columns)
    {
        const unsigned tiles = (unsigned)ceil_div(row_stride, COLUMNS);
        constexpr int LANES = THREADS / COLUMNS;
        const int64 slice = blockIdx.x / tiles, lane = threadIdx.x / COLUMNS;
        const int64 column = (int64)(blockIdx.x - slice * tiles) * COLUMNS + threadIdx.x % COLUMNS;
        const int64 first = slice * slices.visits_per_slice;
        const int64 rows = g.batch - first < slices.visits_per_slice ? g.batch - first : slices.visits_per_slice;
        const bool is_inside = column < row_stride;
        visits.channel = is_inside ? (int)quotient(column, elements_per_plane) : 0;
        visits.left = is_inside && rows > lane ? (int)ceil_div(rows - lane, LANES) : 0;
        visits.offset = visits.left > 0 ? column + (first + lane) * row_stride : 0;
        visits.step = LANES * row_stride;
        visits.columns = 1;
        visits.part = is_inside ? column * slices.slices + slice : -1;
        visits.stride = COLUMNS;
        return visits;
    }

    visits.columns = quotient(elements_per_plane, VISITED);
    const unsigned slice = blockIdx.x / (unsigned)g.channels;
    visits.channel = (int)(blockIdx.x - slice * g.channels);
    const int64 all = g.batch * visits.columns, begin = slice * slices.visits_per_slice;
    const int64 first = begin + threadIdx.x;
    const int64 end = begin + slices.visits_per_slice < all ? begin + slices.visits_per_slice : all;
    visits.left = end > first ? (int)ceil_div(end - first, threads) : 0;
    const int64 row = quotient(first, visits.columns), rows_per_step = quotient(threads, visits.columns);
    visits.column = visits.left > 0 ? first - row * visits.columns : 0;
    visits.column_step = threads - rows_per_step * visits.columns;
    visits.offset = visits.left > 0
        ? visits.channel * elements_per_plane + row * row_stride + visits.column * VISITED : 0;
    visits.step = rows_per_step * row_stride + visits.column_step * VISITED;
    visits.gap = row_stride - elements_per_plane;
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

// A parameter of the channel, which may be null. Statistics are read in its place then: a load under a condition would be a
// branch, and what comes behind would wait for it.
__device__ inline double of_channel(
    const real* values, int channel, double if_null, const BatchNormStatistics& statistics)
{
    const real* there = statistics.variance != nullptr ? statistics.mean : (const real*)statistics.saved_mean;
    const real value = *(values != nullptr ? values + channel : there);
    return values != nullptr ? (double)value : if_null;
}

__device__ inline NormalizeConstants normalize_constants(double mean, double inv_std, double factor, double summand)
{
    const double scale = inv_std * factor;
    const real high = (real)mean;
    return {high, (real)scale, (real)(summand - (mean - high) * scale)};
}

__device__ inline NormalizeConstants normalize_constants(
    const BatchNormStatistics& statistics, const real* gamma, const real* beta, int channel)
{
    const double factor = of_channel(gamma, channel, 1, statistics);
    const double summand = of_channel(beta, channel, 0, statistics);
    return normalize_constants(statistics.mean_of(channel), statistics.inv_std_of(channel), factor, summand);
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
    const double factor = of_channel(gamma, channel, 1, statistics);
    const double mean = statistics.mean_of(channel), inv_std = statistics.inv_std_of(channel);
    const real high = (real)mean;
    const double share = 1 / values_per_channel, slope = sums.product * inv_std * share;
    return {
        high, (real)inv_std, (real)(sums.gradient * share - slope * (mean - high) * inv_std), (real)-slope,
        (real)(inv_std * factor)};
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
    }

    // To be called after every visit, which added so many terms.
    __device__ void flush_if_many(int added)
    {
        terms += added;
        if (terms >= MAX_TERMS)
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

// As the C# structure of that name: where the sums of the channels go, sum dy and sum dy * (x - mean), and the gradients that
// follow from them, which may be null.
struct ChannelGradients
{
    GradientSums* sums;
    real* grad_gamma;
    real* grad_beta;

    __device__ void write(const BatchNormStatistics& statistics, int channel, const GradientSums& of_channel) const
    {
        sums[channel] = of_channel;
        if (grad_gamma != nullptr)
            grad_gamma[channel] = (real)(of_channel.product * statistics.inv_std_of(channel));
        if (grad_beta != nullptr)
            grad_beta[channel] = (real)of_channel.gradient;
    }
};

// Leaves what the block has of its channel at parts[channels, parts of a channel]. All threads of the block come here.
// Where counters[channels] are given, the last block of a channel merges its parts, in the order of the parts: in its
// thread 0 the answer is true, and sums are those of the channel. A channel of one slice needs no counter, but counters are
// given nevertheless.
template <typename Sums, typename Visits>
__device__ bool leave_part(
    Sums& sums, const Visits& visits, const ChannelSlices& slices, Sums* parts, unsigned* counters)
{
    if (threadIdx.x < visits.stride && visits.part >= 0)
        parts[visits.part] = sums;
    if (counters == nullptr)
        return false;
    if (slices.slices > 1)
    {
        if (!is_last_block(counters + visits.channel, slices.slices))
            return false;
        sums = merge_row(parts + (int64)visits.channel * slices.slices, slices.slices);
    }

    return threadIdx.x == 0;
}

// What the kernels of batch normalization of matrices share: which elements a thread takes.
#pragma once
#include "batch_norm.cuh"
#include "elements.cuh"

// As the C# structure of that name: a block takes threads_across neighbouring threads' channels, in one of slices parts of the
// rows. threads_across is a power of two, at most 32; the block's other threads take further rows of the same channels.
struct ChannelRows
{
    int64 rows;
    int64 rows_per_slice;
    int channels;
    int slices;
    int threads_across;
};

// The rows that a thread visits, of its PACK channels. A thread that visits none stands at the first element of all.
struct RowVisits
{
    int channel; // the first of them
    unsigned slice;
    bool is_inside;
    int left;
    int64 offset; // of the next row
    int64 step;   // from there to the one after it

    // Nowhere if not goes_on.
    __device__ void advance(bool goes_on) { offset += step & -(int64)goes_on; }
};

__device__ inline RowVisits row_visits_of_thread(const ChannelRows& g)
{
    const unsigned across = g.threads_across, packs = g.channels / PACK, tiles = (packs + across - 1) / across;
    const unsigned lanes = THREADS / across, lane = threadIdx.x / across;
    RowVisits visits;
    visits.slice = blockIdx.x / tiles;
    const unsigned pack = (blockIdx.x - visits.slice * tiles) * across + (threadIdx.x & (across - 1));
    const int64 first = visits.slice * g.rows_per_slice, rest = g.rows - first;
    const int64 rows = rest < g.rows_per_slice ? rest : g.rows_per_slice;
    // A thread past the last channel has no rows, and channel 0 to read the constants of.
    visits.is_inside = pack < packs;
    visits.channel = visits.is_inside ? (int)(pack * PACK) : 0;
    visits.left = visits.is_inside && rows > lane ? (int)quotient(rows - lane + lanes - 1, (int)lanes) : 0;
    visits.offset = visits.left > 0 ? (first + lane) * g.channels + visits.channel : 0;
    visits.step = (int64)lanes * g.channels;
    return visits;
}

// What normalizes each of the thread's channels.
__device__ inline void normalize_constants_of(
    const RowVisits& visits, const BatchNormStatistics& statistics, const real* gamma, const real* beta,
    NormalizeConstants (&constants)[PACK])
{
#pragma unroll
    for (int i = 0; i < PACK; i++)
        constants[i] = normalize_constants(statistics, gamma, beta, visits.channel + i);
}

// Leaves what the block's threads have of every channel at parts[channel, slice]. All threads of the block come here.
template <typename Sums>
__device__ void leave_parts(const ChannelRows& g, const RowVisits& visits, const Sums* of_channels, Sums* parts)
{
    for (int i = 0; i < PACK; i++)
    {
        const Sums sums = merge_in_block(of_channels[i], g.threads_across);
        if (threadIdx.x < g.threads_across && visits.is_inside)
            parts[(visits.channel + i) * (int64)g.slices + visits.slice] = sums;
    }
}

// The sums of dy and of dy * (x - mean) of a thread's channels.
struct RowGradientSums
{
    real high[PACK]; // the means, and what their rounding left out
    double rest[PACK];
    GradientSum sums[PACK];

    __device__ RowGradientSums(const BatchNormStatistics& statistics, const RowVisits& visits)
    {
#pragma unroll
        for (int i = 0; i < PACK; i++)
        {
            const double mean = statistics.mean_of(visits.channel + i);
            high[i] = (real)mean;
            rest[i] = mean - high[i];
        }
    }

    __device__ void add(const Elements& gradients, const Elements& values)
    {
#pragma unroll
        for (int i = 0; i < PACK; i++)
        {
            sums[i].add(gradients.values[i], values.values[i] - high[i]);
            sums[i].flush_if_many(1);
        }
    }

    // All threads of the block come here.
    __device__ void leave(const ChannelRows& g, const RowVisits& visits, GradientSums* parts)
    {
        GradientSums finished[PACK];
#pragma unroll
        for (int i = 0; i < PACK; i++)
            finished[i] = sums[i].finish(rest[i]);
        leave_parts(g, visits, finished, parts);
    }
};

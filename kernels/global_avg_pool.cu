#include "block_sum.cuh"
#include "common.cuh"
#include "place.cuh"

// How many elements a block takes at a time.
constexpr int TILE = 1024;

// global_avg_pool_forward: blockDim.x a power of two up to 256; any grid size of one dimension; lanes, the threads that
// share a part of a plane, a power of two up to blockDim.x.
// Reads x[planes, plane_size], every plane cut into parts of part_size elements, the last of which may be shorter. With one
// part per plane it writes the means y[planes]; with more, the sum of every part to sums[planes, parts].
// Each thread adds up four elements and then such sums in double: one pass over x, and hardly a rounding but the last.
extern "C" __global__ void global_avg_pool_forward(
    const real* __restrict__ x, int64 planes, int64 plane_size, int64 parts, int64 part_size, int lanes,
    real* __restrict__ y, double* __restrict__ sums)
{
    const int lane = threadIdx.x % lanes;
    const int parts_per_block = blockDim.x / lanes;
    const int64 all_parts = planes * parts;
    for (int64 first = (int64)blockIdx.x * parts_per_block; first < all_parts;
         first += (int64)gridDim.x * parts_per_block)
    {
        // Threads past the last part have no elements, but take part in the exchange of sums.
        const int64 part = first + threadIdx.x / lanes;
        const Place place = parts == 1 ? Place{part, 0} : place_of(part, (int)parts);
        const int64 start = place.column * part_size;
        const int64 count = part < all_parts ? min(part_size, plane_size - start) : 0;
        const real* values = x + place.row * plane_size + start;
        double sum = 0;
        for (int64 i = lane; i < count; i += 4 * lanes)
        {
            const real a = values[i];
            const real b = i + lanes < count ? values[i + lanes] : 0;
            const real c = i + 2 * lanes < count ? values[i + 2 * lanes] : 0;
            const real d = i + 3 * lanes < count ? values[i + 3 * lanes] : 0;
            sum += (a + b) + (c + d);
        }

        sum = sum_of_lanes(sum, lanes);
        if (lane == 0 && part < all_parts)
        {
            if (parts == 1)
                y[part] = (real)(sum / (double)plane_size);
            else
                sums[part] = sum;
        }
    }
}

// global_avg_pool_merge: any block and grid size of one dimension.
// Reads sums[planes, parts]. Writes the means y[planes]. Parts are added up in their order.
extern "C" __global__ void global_avg_pool_merge(
    const double* __restrict__ sums, int64 planes, int64 parts, int64 plane_size, real* __restrict__ y)
{
    for (int64 plane = global_thread(); plane < planes; plane += global_threads())
    {
        double sum = 0;
        for (int64 part = 0; part < parts; part++)
            sum += sums[plane * parts + part];
        y[plane] = (real)(sum / (double)plane_size);
    }
}

// global_avg_pool_backward: any block and grid size of one dimension.
// Reads grad_y[planes]. Writes grad_x[planes, plane_size]: every element an equal share.
extern "C" __global__ void global_avg_pool_backward(
    const real* __restrict__ grad_y, int64 planes, int64 plane_size, real* __restrict__ grad_x)
{
    const int64 elements = planes * plane_size;
    for (int64 first = (int64)blockIdx.x * TILE; first < elements; first += (int64)gridDim.x * TILE)
    {
        const int64 first_plane = first / plane_size;
        const int64 before = first - first_plane * plane_size;
        for (int i = threadIdx.x; i < TILE && first + i < elements; i += blockDim.x)
        {
            // Of planes as large as a tile, a tile touches two at most; smaller ones are counted in 32 bits.
            const int64 further = plane_size >= TILE
                ? (before + i >= plane_size ? 1 : 0)
                : (unsigned)(before + i) / (unsigned)plane_size;
            grad_x[first + i] = grad_y[first_plane + further] / (real)plane_size;
        }
    }
}

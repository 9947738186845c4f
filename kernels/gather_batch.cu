#include "common.cuh"
#include "last_block.cuh"
#include "place.cuh"

// How many loads a block does at a time: few, so that even a small batch reaches all multiprocessors.
constexpr int TILE = 512;

constexpr int LEVELS = 256;

template <typename T>
struct alignas(4 * sizeof(T)) Quad
{
    T values[4];
};

// Elements of type Bytes, which are COUNT bytes, become elements of type Reals, which are as many numbers.
template <typename Bytes, typename Reals, int COUNT>
__device__ void gather(
    const Bytes* images, const unsigned char* labels, const int* order, int64* cursor, double divisor, int rows,
    int width, Reals* batch, int* batch_labels, unsigned* counter)
{
    // In double and then rounded, as on the CPU; a division per level is fewer than one per pixel.
    __shared__ real scaled[LEVELS];
    for (int level = threadIdx.x; level < LEVELS; level += blockDim.x)
        scaled[level] = (real)(level / divisor);
    __syncthreads();

    const int* taken = order + *cursor;
    const int64 loads = (int64)rows * width;
    for (int64 first = (int64)blockIdx.x * TILE; first < loads; first += (int64)gridDim.x * TILE)
    {
        const Place first_place = place_of(first, width);
        for (int i = threadIdx.x; i < TILE && first + i < loads; i += blockDim.x)
        {
            const Place place = place_after(first_place, i, width);
            const int image = taken[place.row];
            const Bytes bytes = images[(int64)image * width + place.column];
            Reals reals;
            for (int k = 0; k < COUNT; k++)
                ((real*)&reals)[k] = scaled[((const unsigned char*)&bytes)[k]];
            batch[first + i] = reals;
            if (place.column == 0)
                batch_labels[place.row] = labels[image];
        }
    }

    // Moved on once all blocks have read it.
    if (is_thread_0_of_last_block(counter))
        *cursor += rows;
}

// gather_batch: any block and grid size of one dimension.
// Reads images[*, width] and labels[*], bytes. Row r of batch[rows, width] is image order[*cursor + r] / divisor, and
// batch_labels[r] its label. Then *cursor += rows. counter is zero before and after.
extern "C" __global__ void gather_batch(
    const unsigned char* __restrict__ images, const unsigned char* __restrict__ labels, const int* __restrict__ order,
    int64* cursor, double divisor, int rows, int width, real* __restrict__ batch, int* __restrict__ batch_labels,
    unsigned* counter)
{
    gather<unsigned char, real, 1>(
        images, labels, order, cursor, divisor, rows, width, batch, batch_labels, counter);
}

// gather_batch_quads: gather_batch four pixels at a time. width counts fours; images and batch are aligned to four
// elements. A warp then reads 128 bytes with one instruction, and writes whole lines.
extern "C" __global__ void gather_batch_quads(
    const unsigned char* __restrict__ images, const unsigned char* __restrict__ labels, const int* __restrict__ order,
    int64* cursor, double divisor, int rows, int width, real* __restrict__ batch, int* __restrict__ batch_labels,
    unsigned* counter)
{
    gather<Quad<unsigned char>, Quad<real>, 4>(
        (const Quad<unsigned char>*)images, labels, order, cursor, divisor, rows, width, (Quad<real>*)batch,
        batch_labels, counter);
}

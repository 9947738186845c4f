#include "common.cuh"
#include "last_block.cuh"
#include "philox.cuh"
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

// How many elements of one image a block writes before it goes on to another. As GatherTile in CudaBackend.GatherBatch.cs.
constexpr unsigned IMAGE_TILE = 2048;

// Where the pixels of a changed image come from: see CropAndFlip.cs, which draws the same on the CPU.
struct CropAndFlip
{
    int top;
    int left;
    bool is_flipped;
};

__device__ inline int shift_of(unsigned word, int padding)
{
    return (int)(((unsigned long long)word * (2 * (unsigned)padding + 1)) >> 32) - padding;
}

__device__ inline CropAndFlip draw(int padding, bool flips, unsigned long long seed, int epoch, int image)
{
    const RandomWords random = philox(seed, (1ull << 63) | (unsigned)image, (unsigned)epoch, 0);
    return {shift_of(random.words[0], padding), shift_of(random.words[1], padding), flips && (random.words[2] & 1) != 0};
}

// gather_batch_transformed: any block and grid size of one dimension.
// Reads images[*, channels, height, width] and labels[*], bytes. Row r of batch[rows, channels, height, width] is image
// order[*cursor + r], surrounded by padding pixels of 0, cropped to its own size at a random place, mirrored at random if
// flips is not 0; a byte of channel c becomes levels[c, byte]. batch_labels[r] is its label. Then *cursor += rows. counter is
// zero before and after. Place and mirror image depend on seed, *epoch and the number of the image alone.
extern "C" __global__ void gather_batch_transformed(
    const unsigned char* __restrict__ images, const unsigned char* __restrict__ labels, const int* __restrict__ order,
    int64* cursor, const int* __restrict__ epoch, const real* __restrict__ levels, unsigned long long seed, int padding,
    int flips, int rows, int channels, int height, int width, real* __restrict__ batch, int* __restrict__ batch_labels,
    unsigned* counter)
{
    const int* taken = order + *cursor;
    const unsigned elements = (unsigned)channels * height * width;
    const int64 tiles = ceil_div(elements, IMAGE_TILE);
    for (int64 item = blockIdx.x; item < rows * tiles; item += gridDim.x)
    {
        const int64 row = item / tiles;
        const unsigned first = (unsigned)(item - row * tiles) * IMAGE_TILE;
        const unsigned end = min(first + IMAGE_TILE, elements);
        const int image = taken[row];
        // Each thread draws by itself: waiting for one that draws for all would take as long.
        const CropAndFlip place = draw(padding, flips != 0, seed, *epoch, image);
        const unsigned char* source = images + (int64)image * elements;
        real* destination = batch + row * elements;
        for (unsigned i = first + threadIdx.x; i < end; i += blockDim.x)
        {
            const unsigned line = i / width;
            const int column = (int)(i - line * width);
            const unsigned channel = line / height;
            const int from_row = (int)(line - channel * height) + place.top;
            const int from_column = (place.is_flipped ? width - 1 - column : column) + place.left;
            const bool is_inside = (unsigned)from_row < (unsigned)height && (unsigned)from_column < (unsigned)width;
            const int level = is_inside ? source[((int64)channel * height + from_row) * width + from_column] : 0;
            destination[i] = levels[(int64)channel * LEVELS + level];
        }

        if (first == 0 && threadIdx.x == 0)
            batch_labels[row] = labels[image];
    }

    // Moved on once all blocks have read it.
    if (is_thread_0_of_last_block(counter))
        *cursor += rows;
}

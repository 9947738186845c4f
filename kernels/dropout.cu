#include "common.cuh"
#include "last_block.cuh"
#include "pack.cuh"
#include "philox.cuh"

// Elements that one block of the generator decides on.
constexpr int WORDS = 4;
constexpr int PACKS = WORDS / PACK_ELEMENTS;

// Which elements are dropped: element i where word i % 4 of random block i / 4 is below threshold. As on the CPU, bit for
// bit.
struct Mask
{
    unsigned long long seed;
    unsigned long long threshold; // up to 2^32, which drops all
    unsigned stream;
    real scale;

    __device__ void apply(int64 step, const real* __restrict__ x, int64 elements, real* __restrict__ y) const
    {
        const bool in_packs = is_aligned(x) && is_aligned(y);
        for (int64 block = global_thread(); WORDS * block < elements; block += global_threads())
        {
            const RandomWords random = philox(seed, (unsigned long long)block, stream, (unsigned)step);
            const int64 first = WORDS * block;
            if (in_packs && first + WORDS <= elements)
            {
                for (int pack = 0; pack < PACKS; pack++)
                {
                    Pack values = ((const Pack*)(x + first))[pack];
                    for (int k = 0; k < PACK_ELEMENTS; k++)
                        values.values[k] *= factor(random.words[pack * PACK_ELEMENTS + k]);
                    ((Pack*)(y + first))[pack] = values;
                }
            }
            else
            {
                for (int k = 0; k < WORDS && first + k < elements; k++)
                    y[first + k] = x[first + k] * factor(random.words[k]);
            }
        }
    }

    __device__ real factor(unsigned word) const
    {
        return word >= threshold ? scale : 0;
    }
};

// dropout_forward: any block and grid size of one dimension.
// y = x * scale where the mask of the next step keeps the element, else x * 0; then the step is the next one. All blocks read
// it before the last one, by the counter, which is zero before and after, writes it.
extern "C" __global__ void dropout_forward(
    unsigned long long seed, unsigned stream, unsigned long long threshold, real scale, int64* step,
    const real* __restrict__ x, int64 elements, real* __restrict__ y, unsigned* counter)
{
    const int64 next = *step + 1;
    Mask{seed, threshold, stream, scale}.apply(next, x, elements, y);
    if (is_thread_0_of_last_block(counter))
        *step = next;
}

// dropout_backward: any block and grid size of one dimension.
// The same mask, of the step that forward ended with, on the gradient.
extern "C" __global__ void dropout_backward(
    unsigned long long seed, unsigned stream, unsigned long long threshold, real scale, const int64* __restrict__ step,
    const real* __restrict__ grad_y, int64 elements, real* __restrict__ grad_x)
{
    Mask{seed, threshold, stream, scale}.apply(*step, grad_y, elements, grad_x);
}

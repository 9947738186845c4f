// Which places of images meet which others in a convolution without dilation whose kernel and strides are known when the CUDA
// kernel is compiled: along an axis, one result after the other meets sources that lie in a row, so that a thread loads them
// once for all of its results and nothing is divided.
#pragma once
#include "common.cuh"

// Outputs from inputs. RESULTS outputs side by side meet SOURCES inputs, of which the first may lie before the image.
template <int KERNEL, int STRIDE, int COUNT>
struct OutputAxis
{
    static constexpr int RESULTS = COUNT;
    static constexpr int SOURCES = (RESULTS - 1) * STRIDE + KERNEL;

    static __device__ int first_source(int first_result, int padding) { return first_result * STRIDE - padding; }

    // The source that a result meets at a place of the kernel, counted from the first.
    static __device__ constexpr int source(int result, int tap) { return result * STRIDE + tap; }
    static __device__ constexpr bool meets(int, int) { return true; }
};

// Inputs from the outputs whose windows cover them. Patches of STRIDE inputs, the length of a step, all lie the same way in
// the windows over them: PHASE is the remainder of the padding by the stride.
template <int KERNEL, int STRIDE, int PHASE, int PATCHES>
struct InputAxis
{
    // Where the first input is in the first window that covers any: the greatest place there is with that remainder. It is -1
    // in front of a kernel of one place that only the second input of a patch meets.
    static constexpr int LAST = KERNEL - 1;
    static constexpr int PLACE = LAST - (LAST + STRIDE - PHASE) % STRIDE;

    static constexpr int RESULTS = PATCHES * STRIDE;
    static constexpr int SOURCES = (PLACE + RESULTS - 1) / STRIDE + 1;

    // first_result is a multiple of the stride.
    static __device__ int first_source(int first_result, int padding)
    {
        return (first_result + padding - PLACE) / STRIDE;
    }

    static __device__ constexpr int source(int result, int tap) { return (PLACE + result - tap) / STRIDE; }
    static __device__ constexpr bool meets(int result, int tap) { return (PLACE + result - tap) % STRIDE == 0; }
};

// The sources of a thread in a plane, and in the same place of others of that size.
template <typename Down, typename Across>
struct Sources
{
    int first_row, first_column;
    int height, width;

    // Some other source in place of one outside, which mask then drops: a load under a condition would be a branch, and part
    // it from the others.
    __device__ __forceinline__ void load(const real* plane, real (&values)[Down::SOURCES][Across::SOURCES]) const
    {
#pragma unroll
        for (int i = 0; i < Down::SOURCES; i++)
        {
            const real* row = plane + min(max(first_row + i, 0), height - 1) * width;
#pragma unroll
            for (int j = 0; j < Across::SOURCES; j++)
                values[i][j] = row[min(max(first_column + j, 0), width - 1)];
        }
    }

    // Apart from load, so that nothing waits for a value before it is used. What is outside is 0 and is multiplied as such: an
    // infinite weight that meets it gives NaN.
    __device__ __forceinline__ void mask(real (&values)[Down::SOURCES][Across::SOURCES]) const
    {
#pragma unroll
        for (int i = 0; i < Down::SOURCES; i++)
        {
            const bool is_row = (unsigned)(first_row + i) < (unsigned)height;
#pragma unroll
            for (int j = 0; j < Across::SOURCES; j++)
            {
                const bool is_inside = is_row & ((unsigned)(first_column + j) < (unsigned)width);
                values[i][j] = is_inside ? values[i][j] : 0;
            }
        }
    }
};

// Strips of an image's results, ROWS of them and COLUMNS wide, one after the other: across, then down, then through the images.
template <int ROWS, int COLUMNS>
struct Strips
{
    int down, across;

    __device__ Strips(int height, int width) : down((int)ceil_div(height, ROWS)), across((int)ceil_div(width, COLUMNS)) {}

    __device__ int64 count(int batch) const { return (int64)batch * down * across; }

    struct Place
    {
        int64 image;
        int row, column; // of the first result
    };

    __device__ Place at(int64 strip) const
    {
        const int64 line = quotient(strip, across), image = quotient(line, down);
        return {image, (int)(line - image * down) * ROWS, (int)(strip - line * across) * COLUMNS};
    }
};

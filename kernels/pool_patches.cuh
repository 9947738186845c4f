// Pooling of images over windows of a size and a step that are known when the kernel is compiled: nothing is divided by them,
// loops over windows are unrolled, and their loads are under way together.
#pragma once
#include "common.cuh"
#include "pack.cuh"
#include "pool_geometry.cuh"

// The windows that cover any of STRIDE inputs side by side, of one axis: REACH from the first on, of which those beyond the
// ends of the outputs are none. The first input of these is at PLACE in the first window.
template <int WINDOW, int STRIDE, int PLACE>
struct WindowsOverPatch
{
    static constexpr int REACH = (PLACE + STRIDE - 1) / STRIDE + 1;

    int first;
    int outputs;

    __device__ WindowsOverPatch(int patch, int padding, int outputs)
        : first((patch * STRIDE + padding - PLACE) / STRIDE), outputs(outputs)
    {
    }

    __device__ bool has(int window) const { return (unsigned)(first + window) < (unsigned)outputs; }

    // The output of a window, and some other one in place of none.
    __device__ int output_of(int window) const { return min(max(first + window, 0), outputs - 1); }

    // Where input so many of the patch is in window so many; outside of [0, WINDOW) where it is not in there.
    static __device__ constexpr int place_of(int window, int input) { return PLACE + input - window * STRIDE; }

    static __device__ constexpr bool covers(int window, int input)
    {
        return place_of(window, input) >= 0 && place_of(window, input) < WINDOW;
    }
};

// Where the first input of a patch is in the first window that covers it: the same in all of them. first * STRIDE + place is the
// input's place in the padded input, and place the greatest below WINDOW.
template <int WINDOW, int STRIDE>
__device__ inline int place_in_first_window(int padding)
{
    const int last = WINDOW - 1;
    return last - (last + STRIDE - padding % STRIDE) % STRIDE;
}

// grad_x of a patch of STRIDE x STRIDE inputs, from the windows over it: see gather_patches.
template <int WINDOW, int STRIDE, int DOWN, int ACROSS, typename Loaded, typename Load, typename Share>
__device__ __forceinline__ void gather_patch(
    const PoolGeometry& g, const VolumePlace& patch, const Loaded& none, Load load, Share share,
    real (&sums)[STRIDE][STRIDE])
{
    using Rows = WindowsOverPatch<WINDOW, STRIDE, DOWN>;
    using Columns = WindowsOverPatch<WINDOW, STRIDE, ACROSS>;
    const Rows down(patch.y, g.padding_y, g.out_height);
    const Columns across(patch.x, g.padding_x, g.out_width);
    // A load under a condition would be a branch, and part it from the others.
    Loaded loaded[Rows::REACH][Columns::REACH];
#pragma unroll
    for (int a = 0; a < Rows::REACH; a++)
    {
        const int row = down.output_of(a);
        const int64 outputs = (patch.plane * g.out_height + row) * g.out_width;
#pragma unroll
        for (int b = 0; b < Columns::REACH; b++)
            loaded[a][b] = load(outputs + across.output_of(b), row, across.output_of(b));
    }

#pragma unroll
    for (int a = 0; a < Rows::REACH; a++)
    {
#pragma unroll
        for (int b = 0; b < Columns::REACH; b++)
        {
            const Loaded window = down.has(a) && across.has(b) ? loaded[a][b] : none;
#pragma unroll
            for (int r = 0; r < STRIDE; r++)
            {
#pragma unroll
                for (int c = 0; c < STRIDE; c++)
                {
                    if (Rows::covers(a, r) && Columns::covers(b, c))
                        sums[r][c] += share(window, Rows::place_of(a, r), Columns::place_of(b, c));
                }
            }
        }
    }
}

// Any block and grid size of one dimension. A thread takes STRIDE x STRIDE inputs, and adds up what the windows over them pass
// back, in row-major order: load(output, row, column) is what a window has, none what no window has, and share(loaded, y, x)
// what of that an input gets that is at that place in the window.
template <int WINDOW, int STRIDE, typename Loaded, typename Load, typename Share>
__device__ __forceinline__ void gather_patches(
    const PoolGeometry& g, real* grad_x, const Loaded& none, Load load, Share share)
{
    static_assert(STRIDE == 1 || STRIDE == 2, "a patch is in one of so many places of its first window along an axis");
    constexpr int LAST = WINDOW - 1, FIRST = WINDOW - STRIDE;
    const bool is_last_down = place_in_first_window<WINDOW, STRIDE>(g.padding_y) == LAST;
    const bool is_last_across = place_in_first_window<WINDOW, STRIDE>(g.padding_x) == LAST;
    const int rows = (int)ceil_div(g.in_height, STRIDE), columns = (int)ceil_div(g.in_width, STRIDE);
    const bool is_in_pairs = STRIDE == 2 && g.in_width % 2 == 0 && (size_t)grad_x % sizeof(Pair) == 0;
    const int64 patches = g.planes * rows * columns;
    for (int64 first = (int64)blockIdx.x * TILE; first < patches; first += (int64)gridDim.x * TILE)
    {
        const TilePlaces places(first, 1, rows, columns);
        for (int i = threadIdx.x; i < TILE && first + i < patches; i += blockDim.x)
        {
            const VolumePlace patch = places.at(i);
            real sums[STRIDE][STRIDE] = {};
            if (is_last_down && is_last_across)
                gather_patch<WINDOW, STRIDE, LAST, LAST>(g, patch, none, load, share, sums);
            else if (is_last_down)
                gather_patch<WINDOW, STRIDE, LAST, FIRST>(g, patch, none, load, share, sums);
            else if (is_last_across)
                gather_patch<WINDOW, STRIDE, FIRST, LAST>(g, patch, none, load, share, sums);
            else
                gather_patch<WINDOW, STRIDE, FIRST, FIRST>(g, patch, none, load, share, sums);

#pragma unroll
            for (int r = 0; r < STRIDE; r++)
            {
                const int y = patch.y * STRIDE + r, x = patch.x * STRIDE;
                if (y >= g.in_height)
                    break;
                real* row = grad_x + (patch.plane * g.in_height + y) * g.in_width + x;
                if (is_in_pairs)
                {
                    *(Pair*)row = {sums[r][0], sums[r][STRIDE - 1]};
                    continue;
                }

#pragma unroll
                for (int c = 0; c < STRIDE; c++)
                {
                    if (x + c < g.in_width)
                        row[c] = sums[r][c];
                }
            }
        }
    }
}

// Any block and grid size of one dimension. A thread takes a window: take(state, value, y, x, is_inside) for every place of it
// in row-major order, where value is some other input if that place is not inside, and then end(state, output, row, column).
template <int WINDOW, int STRIDE, typename State, typename Take, typename End>
__device__ __forceinline__ void sweep_windows(
    const PoolGeometry& g, const real* x, const State& start, Take take, End end)
{
    const int64 outputs = g.planes * g.out_height * g.out_width;
    for (int64 first = (int64)blockIdx.x * TILE; first < outputs; first += (int64)gridDim.x * TILE)
    {
        const TilePlaces places(first, 1, g.out_height, g.out_width);
        for (int i = threadIdx.x; i < TILE && first + i < outputs; i += blockDim.x)
        {
            const VolumePlace place = places.at(i);
            const int top = place.y * STRIDE - g.padding_y, left = place.x * STRIDE - g.padding_x;
            const real* plane = x + place.plane * g.in_height * g.in_width;
            State state = start;
#pragma unroll
            for (int r = 0; r < WINDOW; r++)
            {
                const bool is_row = (unsigned)(top + r) < (unsigned)g.in_height;
                const real* row = plane + (is_row ? (int64)(top + r) * g.in_width : 0);
#pragma unroll
                for (int c = 0; c < WINDOW; c++)
                {
                    const bool is_inside = is_row & ((unsigned)(left + c) < (unsigned)g.in_width);
                    take(state, row[is_inside ? left + c : 0], r, c, is_inside);
                }
            }

            end(state, first + i, place.y, place.x);
        }
    }
}

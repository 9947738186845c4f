#include "common.cuh"
#include "pack.cuh"
#include "place.cuh"
#include "pool_geometry.cuh"
#include "pool_patches.cuh"

// Whether a later value wins: when it is greater, or when it is NaN and the best so far is not. Without the branches of || and
// &&.
__device__ inline bool beats(real value, real best)
{
    const bool is_nan = isnan(value), is_best_nan = isnan(best);
    return (value > best) | (is_nan & !is_best_nan);
}

template <typename Index>
__device__ inline void take(real value, int place, real& best, Index& best_place)
{
    const bool wins = beats(value, best);
    best = wins ? value : best;
    best_place = wins ? (Index)place : best_place;
}

template <typename Index>
__device__ void pool_windows(const PoolGeometry& g, const real* x, real* y, Index* arg_max)
{
    const int64 outputs = g.planes * g.out_depth * g.out_height * g.out_width;
    for (int64 first = (int64)blockIdx.x * TILE; first < outputs; first += (int64)gridDim.x * TILE)
    {
        const TilePlaces places(first, g.out_depth, g.out_height, g.out_width);
        for (int i = threadIdx.x; i < TILE && first + i < outputs; i += blockDim.x)
        {
            const VolumePlace place = places.at(i);
            const int front = place.z * g.stride_z - g.padding_z;
            const int top = place.y * g.stride_y - g.padding_y;
            const int left = place.x * g.stride_x - g.padding_x;
            const Range slices = places_inside(front, g.window_depth, g.in_depth);
            const Range rows = places_inside(top, g.window_height, g.in_height);
            const Range columns = places_inside(left, g.window_width, g.in_width);

            // The row of the input that a row of the window is, from its first column on.
            const real* corner =
                x + ((place.plane * g.in_depth + front) * g.in_height + top) * g.in_width + left;
            real best = corner[((int64)slices.start * g.in_height + rows.start) * g.in_width + columns.start];
            Index best_place =
                (Index)((slices.start * g.window_height + rows.start) * g.window_width + columns.start);
            for (int d = slices.start; d < slices.end; d++)
            {
                for (int r = rows.start; r < rows.end; r++)
                {
                    const real* values = corner + ((int64)d * g.in_height + r) * g.in_width;
                    const int number = (d * g.window_height + r) * g.window_width;
                    for (int c = columns.start; c < columns.end; c++)
                        take(values[c], number + c, best, best_place);
                }
            }

            y[first + i] = best;
            arg_max[first + i] = best_place;
        }
    }
}

template <typename Index>
__device__ void gather_gradients(
    const PoolGeometry& g, const Index* arg_max, const real* grad_y, real* grad_x)
{
    const int64 inputs = g.planes * g.in_depth * g.in_height * g.in_width;
    for (int64 first = (int64)blockIdx.x * TILE; first < inputs; first += (int64)gridDim.x * TILE)
    {
        const TilePlaces places(first, g.in_depth, g.in_height, g.in_width);
        for (int i = threadIdx.x; i < TILE && first + i < inputs; i += blockDim.x)
        {
            const VolumePlace place = places.at(i);
            const int iz = place.z + g.padding_z, iy = place.y + g.padding_y, ix = place.x + g.padding_x;
            const Range oz = windows_over(iz, g.window_depth, g.stride_z, g.out_depth);
            const Range oy = windows_over(iy, g.window_height, g.stride_y, g.out_height);
            const Range ox = windows_over(ix, g.window_width, g.stride_x, g.out_width);

            real sum = 0;
            for (int z = oz.start; z < oz.end; z++)
            {
                for (int y = oy.start; y < oy.end; y++)
                {
                    const int64 windows =
                        ((place.plane * g.out_depth + z) * g.out_height + y) * (int64)g.out_width;
                    const int number =
                        ((iz - z * g.stride_z) * g.window_height + iy - y * g.stride_y) * g.window_width;
                    for (int x = ox.start; x < ox.end; x++)
                    {
                        if ((int)arg_max[windows + x] == number + ix - x * g.stride_x)
                            sum += grad_y[windows + x];
                    }
                }
            }

            grad_x[first + i] = sum;
        }
    }
}

// Of a window: less than 0 is no place.
struct Best
{
    real value;
    int place;
};

template <int WINDOW, int STRIDE>
__device__ __forceinline__ void pool_windows(const PoolGeometry& g, const real* x, real* y, unsigned char* arg_max)
{
    sweep_windows<WINDOW, STRIDE>(
        g, x, Best{0, -1},
        [](Best& best, real value, int row, int column, bool is_inside) {
            const bool wins = is_inside & ((best.place < 0) | beats(value, best.value));
            best.value = wins ? value : best.value;
            best.place = wins ? row * WINDOW + column : best.place;
        },
        [&](const Best& best, int64 output, int, int) {
            y[output] = best.value;
            arg_max[output] = (unsigned char)best.place;
        });
}

struct WonGradient
{
    int place;
    real value;
};

template <int WINDOW, int STRIDE>
__device__ __forceinline__ void gather_gradients(
    const PoolGeometry& g, const unsigned char* arg_max, const real* grad_y, real* grad_x)
{
    gather_patches<WINDOW, STRIDE>(
        g, grad_x, WonGradient{-1, 0},
        [&](int64 output, int, int) { return WonGradient{arg_max[output], grad_y[output]}; },
        [](const WonGradient& won, int y, int x) { return won.place == y * WINDOW + x ? won.value : 0; });
}

// max_pool_forward: any block and grid size of one dimension.
// Reads x[planes, in_depth, in_height, in_width]. Writes y[planes, out_depth, out_height, out_width] and, of that shape,
// arg_max: the place (slice * window_height + row) * window_width + column inside the window that won. The first maximum
// wins, NaN wins over numbers, padding never wins.
extern "C" __global__ void max_pool_forward_uint8(
    PoolGeometry geometry, const real* __restrict__ x, real* __restrict__ y, unsigned char* __restrict__ arg_max)
{
    pool_windows(geometry, x, y, arg_max);
}

extern "C" __global__ void max_pool_forward_int32(
    PoolGeometry geometry, const real* __restrict__ x, real* __restrict__ y, int* __restrict__ arg_max)
{
    pool_windows(geometry, x, y, arg_max);
}

// max_pool_backward: any block and grid size of one dimension.
// Every input looks which of the windows around it it won, and adds up their gradients in row-major order. Windows that
// overlap would need atomics to add the other way round, and then in no fixed order.
extern "C" __global__ void max_pool_backward_uint8(
    PoolGeometry geometry, const unsigned char* __restrict__ arg_max, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    gather_gradients(geometry, arg_max, grad_y, grad_x);
}

extern "C" __global__ void max_pool_backward_int32(
    PoolGeometry geometry, const int* __restrict__ arg_max, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    gather_gradients(geometry, arg_max, grad_y, grad_x);
}

// max_pool_forward_3x3_stride_2 and _1: any block and grid size of one dimension.
// max_pool_forward for windows of 3 x 3 in images.
extern "C" __global__ void max_pool_forward_3x3_stride_2(
    PoolGeometry geometry, const real* __restrict__ x, real* __restrict__ y, unsigned char* __restrict__ arg_max)
{
    pool_windows<3, 2>(geometry, x, y, arg_max);
}

extern "C" __global__ void max_pool_forward_3x3_stride_1(
    PoolGeometry geometry, const real* __restrict__ x, real* __restrict__ y, unsigned char* __restrict__ arg_max)
{
    pool_windows<3, 1>(geometry, x, y, arg_max);
}

// max_pool_backward_3x3_stride_2 and _1: any block and grid size of one dimension.
// max_pool_backward for windows of 3 x 3 in images.
extern "C" __global__ void max_pool_backward_3x3_stride_2(
    PoolGeometry geometry, const unsigned char* __restrict__ arg_max, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    gather_gradients<3, 2>(geometry, arg_max, grad_y, grad_x);
}

extern "C" __global__ void max_pool_backward_3x3_stride_1(
    PoolGeometry geometry, const unsigned char* __restrict__ arg_max, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    gather_gradients<3, 1>(geometry, arg_max, grad_y, grad_x);
}

// max_pool_pairs_forward: any block and grid size of one dimension.
// max_pool_forward for windows of 2 x 2 side by side in images, no padding, in_width even, and x aligned to two elements: a
// row of a window is one load.
extern "C" __global__ void max_pool_pairs_forward(
    PoolGeometry geometry, const real* __restrict__ x, real* __restrict__ y, unsigned char* __restrict__ arg_max)
{
    const PoolGeometry& g = geometry;
    const int64 outputs = g.planes * g.out_height * g.out_width;
    for (int64 first = (int64)blockIdx.x * TILE; first < outputs; first += (int64)gridDim.x * TILE)
    {
        const Place first_place = place_of(first, g.out_width);
        const Place first_row = place_of(first_place.row, g.out_height);
        for (int i = threadIdx.x; i < TILE && first + i < outputs; i += blockDim.x)
        {
            const Place place = place_after(first_place, i, g.out_width);
            const Place row = place_after(first_row, (int)(place.row - first_place.row), g.out_height);
            const real* window =
                x + (row.row * g.in_height + 2 * row.column) * g.in_width + 2 * place.column;
            const Pair top = *(const Pair*)window, bottom = *(const Pair*)(window + g.in_width);
            real best = top.left;
            unsigned char best_place = 0;
            take(top.right, 1, best, best_place);
            take(bottom.left, 2, best, best_place);
            take(bottom.right, 3, best, best_place);
            y[first + i] = best;
            arg_max[first + i] = best_place;
        }
    }
}

// max_pool_pairs_backward: any block and grid size of one dimension.
// max_pool_backward for windows of 2 x 2 side by side that cover the whole input, and grad_x aligned to two elements:
// every window writes its four inputs.
extern "C" __global__ void max_pool_pairs_backward(
    PoolGeometry geometry, const unsigned char* __restrict__ arg_max, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    const PoolGeometry& g = geometry;
    const int64 outputs = g.planes * g.out_height * g.out_width;
    for (int64 first = (int64)blockIdx.x * TILE; first < outputs; first += (int64)gridDim.x * TILE)
    {
        const Place first_place = place_of(first, g.out_width);
        for (int i = threadIdx.x; i < TILE && first + i < outputs; i += blockDim.x)
        {
            // Every row of windows is two rows of inputs, through all planes.
            const Place place = place_after(first_place, i, g.out_width);
            real* window = grad_x + 2 * place.row * g.in_width + 2 * place.column;
            const real gradient = grad_y[first + i];
            const int winner = arg_max[first + i];
            *(Pair*)window = {winner == 0 ? gradient : 0, winner == 1 ? gradient : 0};
            *(Pair*)(window + g.in_width) = {winner == 2 ? gradient : 0, winner == 3 ? gradient : 0};
        }
    }
}

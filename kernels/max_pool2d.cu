#include "common.cuh"
#include "pack.cuh"
#include "place.cuh"

// As the C# structure of that name.
struct MaxPool2dGeometry
{
    int64 planes;
    int in_height, in_width;
    int out_height, out_width;
    int window_height, window_width;
    int stride_y, stride_x;
    int padding_y, padding_x;
};

// How many elements a block takes at a time.
constexpr int TILE = 1024;

// A later value wins when it is greater, or when it is NaN and the best so far is not.
template <typename Index>
__device__ inline void take(real value, int place, real& best, Index& best_place)
{
    const bool wins = value > best || (isnan(value) && !isnan(best));
    best = wins ? value : best;
    best_place = wins ? (Index)place : best_place;
}

template <typename Index>
__device__ void pool_windows(const MaxPool2dGeometry& g, const real* x, real* y, Index* arg_max)
{
    const int64 outputs = g.planes * g.out_height * g.out_width;
    for (int64 first = (int64)blockIdx.x * TILE; first < outputs; first += (int64)gridDim.x * TILE)
    {
        const Place first_place = place_of(first, g.out_width);
        const Place first_row = place_of(first_place.row, g.out_height);
        for (int i = threadIdx.x; i < TILE && first + i < outputs; i += blockDim.x)
        {
            const Place place = place_after(first_place, i, g.out_width);
            const Place row = place_after(first_row, (int)(place.row - first_place.row), g.out_height);
            const real* plane = x + row.row * g.in_height * g.in_width;
            const int top = row.column * g.stride_y - g.padding_y;
            const int left = place.column * g.stride_x - g.padding_x;
            // Only the rows and columns of the window that lie in the input: padding never wins.
            const int row_start = max(0, -top), row_end = min(g.window_height, g.in_height - top);
            const int column_start = max(0, -left), column_end = min(g.window_width, g.in_width - left);

            real best = plane[(int64)(top + row_start) * g.in_width + left + column_start];
            Index best_place = (Index)(row_start * g.window_width + column_start);
            for (int r = row_start; r < row_end; r++)
            {
                const real* values = plane + (int64)(top + r) * g.in_width + left;
                for (int c = column_start; c < column_end; c++)
                    take(values[c], r * g.window_width + c, best, best_place);
            }

            y[first + i] = best;
            arg_max[first + i] = best_place;
        }
    }
}

template <typename Index>
__device__ void gather_gradients(
    const MaxPool2dGeometry& g, const Index* arg_max, const real* grad_y, real* grad_x)
{
    const int64 inputs = g.planes * g.in_height * g.in_width;
    for (int64 first = (int64)blockIdx.x * TILE; first < inputs; first += (int64)gridDim.x * TILE)
    {
        const Place first_place = place_of(first, g.in_width);
        const Place first_row = place_of(first_place.row, g.in_height);
        for (int i = threadIdx.x; i < TILE && first + i < inputs; i += blockDim.x)
        {
            const Place place = place_after(first_place, i, g.in_width);
            const Place row = place_after(first_row, (int)(place.row - first_place.row), g.in_height);
            const int64 plane = row.row * g.out_height * g.out_width;
            const int iy = row.column + g.padding_y, ix = place.column + g.padding_x;
            // The windows that cover this place.
            const int y_start = iy < g.window_height ? 0 : (iy - g.window_height) / g.stride_y + 1;
            const int x_start = ix < g.window_width ? 0 : (ix - g.window_width) / g.stride_x + 1;
            const int y_end = min(g.out_height, iy / g.stride_y + 1);
            const int x_end = min(g.out_width, ix / g.stride_x + 1);

            real sum = 0;
            for (int oy = y_start; oy < y_end; oy++)
            {
                const int64 windows = plane + (int64)oy * g.out_width;
                const int window_row = (iy - oy * g.stride_y) * g.window_width;
                for (int ox = x_start; ox < x_end; ox++)
                {
                    if ((int)arg_max[windows + ox] == window_row + ix - ox * g.stride_x)
                        sum += grad_y[windows + ox];
                }
            }

            grad_x[first + i] = sum;
        }
    }
}

// max_pool2d_forward: any block and grid size of one dimension.
// Reads x[planes, in_height, in_width]. Writes y[planes, out_height, out_width] and, of that shape, arg_max: the place
// row * window_width + column inside the window that won. The first maximum wins, NaN wins over numbers.
extern "C" __global__ void max_pool2d_forward_uint8(
    MaxPool2dGeometry geometry, const real* __restrict__ x, real* __restrict__ y, unsigned char* __restrict__ arg_max)
{
    pool_windows(geometry, x, y, arg_max);
}

extern "C" __global__ void max_pool2d_forward_int32(
    MaxPool2dGeometry geometry, const real* __restrict__ x, real* __restrict__ y, int* __restrict__ arg_max)
{
    pool_windows(geometry, x, y, arg_max);
}

// max_pool2d_backward: any block and grid size of one dimension.
// Every input looks which of the windows around it it won, and adds up their gradients in row-major order. Windows that
// overlap would need atomics to add the other way round, and then in no fixed order.
extern "C" __global__ void max_pool2d_backward_uint8(
    MaxPool2dGeometry geometry, const unsigned char* __restrict__ arg_max, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    gather_gradients(geometry, arg_max, grad_y, grad_x);
}

extern "C" __global__ void max_pool2d_backward_int32(
    MaxPool2dGeometry geometry, const int* __restrict__ arg_max, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    gather_gradients(geometry, arg_max, grad_y, grad_x);
}

// max_pool2d_pairs_forward: any block and grid size of one dimension.
// max_pool2d_forward for windows of 2 x 2 side by side, no padding, in_width even, and x aligned to two elements: a row of
// a window is one load.
extern "C" __global__ void max_pool2d_pairs_forward(
    MaxPool2dGeometry geometry, const real* __restrict__ x, real* __restrict__ y, unsigned char* __restrict__ arg_max)
{
    const MaxPool2dGeometry& g = geometry;
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

// max_pool2d_pairs_backward: any block and grid size of one dimension.
// max_pool2d_backward for windows of 2 x 2 side by side that cover the whole input, and grad_x aligned to two elements:
// every window writes its four inputs.
extern "C" __global__ void max_pool2d_pairs_backward(
    MaxPool2dGeometry geometry, const unsigned char* __restrict__ arg_max, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    const MaxPool2dGeometry& g = geometry;
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

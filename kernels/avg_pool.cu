#include "average_windows.cuh"
#include "common.cuh"
#include "pool_geometry.cuh"
#include "pool_patches.cuh"

// Windows of one size, in steps of one length.
struct FixedAxis
{
    int inputs, outputs;
    int window, stride, padding;
    bool counts_padding;

    __device__ Range inputs_of(int output) const
    {
        const int start = output * stride - padding;
        const Range inside = places_inside(start, window, inputs);
        return {start + inside.start, start + inside.end};
    }

    __device__ int places_of(int output) const
    {
        const int start = output * stride - padding;
        const Range inside = places_inside(start, window, inputs);
        // Up to the edge of the padded input: what a last window has beyond it never counts.
        return counts_padding ? min(window, inputs + padding - start) : inside.end - inside.start;
    }

    __device__ Range outputs_of(int input) const
    {
        return windows_over(input + padding, window, stride, outputs);
    }
};

__device__ inline AverageWindows<FixedAxis> windows_of(const PoolGeometry& g, int counts_padding, int divisor)
{
    const bool counts = counts_padding != 0;
    return {
        g.planes,
        {g.in_depth, g.out_depth, g.window_depth, g.stride_z, g.padding_z, counts},
        {g.in_height, g.out_height, g.window_height, g.stride_y, g.padding_y, counts},
        {g.in_width, g.out_width, g.window_width, g.stride_x, g.padding_x, counts},
        divisor};
}

// The sum of a row, and of the rows.
struct RowSums
{
    real row;
    double sum;
};

template <int WINDOW, int STRIDE>
__device__ __forceinline__ void average_windows(const PoolGeometry& g, int counts_padding, int divisor, const real* x, real* y)
{
    const AverageWindows<FixedAxis> windows = windows_of(g, counts_padding, divisor);
    sweep_windows<WINDOW, STRIDE>(
        g, x, RowSums{},
        [](RowSums& sums, real value, int, int column, bool is_inside) {
            const real inside = is_inside ? value : 0;
            sums.row = column == 0 ? inside : sums.row + inside;
            if (column == WINDOW - 1)
                sums.sum += sums.row;
        },
        [&](const RowSums& sums, int64 output, int row, int column) {
            y[output] = (real)sums.sum / windows.divisor_of(0, row, column);
        });
}

template <int WINDOW, int STRIDE>
__device__ __forceinline__ void gather_averages(
    const PoolGeometry& g, int counts_padding, int divisor, const real* grad_y, real* grad_x)
{
    const AverageWindows<FixedAxis> windows = windows_of(g, counts_padding, divisor);
    gather_patches<WINDOW, STRIDE>(
        g, grad_x, (real)0,
        [&](int64 output, int row, int column) { return grad_y[output] / windows.divisor_of(0, row, column); },
        [](real share, int, int) { return share; });
}

// avg_pool_forward: blockDim.x at most 256; any grid size of one dimension.
// Reads x[planes, in_depth, in_height, in_width]. Writes y[planes, out_depth, out_height, out_width]: the sum of each
// window, to which padding adds nothing, over divisor, or where that is 0 over the places of the window, of which those in
// the padding count if counts_padding is not 0.
extern "C" __global__ void __launch_bounds__(256) avg_pool_forward(
    PoolGeometry geometry, int counts_padding, int divisor, const real* __restrict__ x, real* __restrict__ y)
{
    average(windows_of(geometry, counts_padding, divisor), x, y);
}

// avg_pool_backward: blockDim.x at most 256; any grid size of one dimension.
// Reads grad_y[planes, out_depth, out_height, out_width]. Writes grad_x[planes, in_depth, in_height, in_width].
extern "C" __global__ void __launch_bounds__(256) avg_pool_backward(
    PoolGeometry geometry, int counts_padding, int divisor, const real* __restrict__ grad_y, real* __restrict__ grad_x)
{
    gather_averages(windows_of(geometry, counts_padding, divisor), grad_y, grad_x);
}

// avg_pool_forward_3x3_stride_2 and _1: as avg_pool_forward, for windows of 3 x 3 in images.
extern "C" __global__ void __launch_bounds__(256) avg_pool_forward_3x3_stride_2(
    PoolGeometry geometry, int counts_padding, int divisor, const real* __restrict__ x, real* __restrict__ y)
{
    average_windows<3, 2>(geometry, counts_padding, divisor, x, y);
}

extern "C" __global__ void __launch_bounds__(256) avg_pool_forward_3x3_stride_1(
    PoolGeometry geometry, int counts_padding, int divisor, const real* __restrict__ x, real* __restrict__ y)
{
    average_windows<3, 1>(geometry, counts_padding, divisor, x, y);
}

// avg_pool_backward_3x3_stride_2 and _1: as avg_pool_backward, for windows of 3 x 3 in images.
extern "C" __global__ void __launch_bounds__(256) avg_pool_backward_3x3_stride_2(
    PoolGeometry geometry, int counts_padding, int divisor, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    gather_averages<3, 2>(geometry, counts_padding, divisor, grad_y, grad_x);
}

extern "C" __global__ void __launch_bounds__(256) avg_pool_backward_3x3_stride_1(
    PoolGeometry geometry, int counts_padding, int divisor, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    gather_averages<3, 1>(geometry, counts_padding, divisor, grad_y, grad_x);
}

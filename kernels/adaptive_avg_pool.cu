#include "average_windows.cuh"
#include "common.cuh"
#include "pool_geometry.cuh"

// As the C# structure of that name.
struct AdaptiveAvgPoolGeometry
{
    int64 planes;
    int in_depth, in_height, in_width;
    int out_depth, out_height, out_width;
};

// floor(a * b / c), by 32 bits where they hold the product: dividing 64 takes a GPU about a hundred instructions.
__device__ inline int floor_of_ratio(int a, int b, int c)
{
    const int64 product = (int64)a * b;
    return product <= 0xFFFFFFFF ? (int)((unsigned)product / (unsigned)c) : (int)(product / c);
}

// ceil(a * b / c) of positive numbers.
__device__ inline int ceil_of_ratio(int a, int b, int c)
{
    const int64 product = (int64)a * b - 1;
    return (product <= 0xFFFFFFFF ? (int)((unsigned)product / (unsigned)c) : (int)(product / c)) + 1;
}

// Window o covers the inputs from floor(o * inputs / outputs) up to ceil((o + 1) * inputs / outputs), so the windows over
// input i are those from floor(i * outputs / inputs) up to ceil((i + 1) * outputs / inputs).
struct AdaptiveAxis
{
    int inputs, outputs;

    __device__ Range inputs_of(int output) const
    {
        return {floor_of_ratio(output, inputs, outputs), ceil_of_ratio(output + 1, inputs, outputs)};
    }

    __device__ int places_of(int output) const
    {
        const Range covered = inputs_of(output);
        return covered.end - covered.start;
    }

    __device__ Range outputs_of(int input) const
    {
        return {floor_of_ratio(input, outputs, inputs), ceil_of_ratio(input + 1, outputs, inputs)};
    }
};

__device__ inline AverageWindows<AdaptiveAxis> windows_of(const AdaptiveAvgPoolGeometry& g)
{
    return {g.planes, {g.in_depth, g.out_depth}, {g.in_height, g.out_height}, {g.in_width, g.out_width}, 0};
}

// adaptive_avg_pool_forward: blockDim.x at most 256; any grid size of one dimension.
// Reads x[planes, in_depth, in_height, in_width]. Writes y[planes, out_depth, out_height, out_width]: the mean of each
// window.
extern "C" __global__ void __launch_bounds__(256) adaptive_avg_pool_forward(
    AdaptiveAvgPoolGeometry geometry, const real* __restrict__ x, real* __restrict__ y)
{
    average(windows_of(geometry), x, y);
}

// adaptive_avg_pool_backward: blockDim.x at most 256; any grid size of one dimension.
// Reads grad_y[planes, out_depth, out_height, out_width]. Writes grad_x[planes, in_depth, in_height, in_width].
extern "C" __global__ void __launch_bounds__(256) adaptive_avg_pool_backward(
    AdaptiveAvgPoolGeometry geometry, const real* __restrict__ grad_y, real* __restrict__ grad_x)
{
    gather_averages(windows_of(geometry), grad_y, grad_x);
}

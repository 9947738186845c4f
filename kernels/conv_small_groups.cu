#include "conv_geometry.cuh"
#include "warp_sum.cuh"

// Convolution of groups of few channels, depthwise above all, where a tile of a product of matrices would be empty but for a
// row or two and memory takes longer than the products. A thread has one result and sums it up by itself: neighbouring
// threads read neighbouring places, and what they read more than once is in the first-level cache. It is for kernels of any
// size, dilated or of volumes; conv_windows.cu is for small ones of images.

constexpr int THREADS = 128;
constexpr int LANES = 32;

// Columns of the weight gradient that a block has: a kernel of 3 x 3 and the bias are read in one go.
constexpr int COLUMNS = 10;

// A place of a tensor [batch, channels, depth, height, width].
struct Site
{
    int64 image;
    int channel;
    int slice;
    int row;
    int column;

    __device__ Site(int64 element, int channels, int depth, int height, int width)
    {
        const int64 plane = quotient(element, depth * height * width);
        image = quotient(plane, channels);
        channel = (int)(plane - image * channels);
        const int inside = (int)(element - plane * (depth * height * width));
        const int line = inside / width;
        slice = line / height;
        row = line - slice * height;
        column = inside - line * width;
    }
};

// visit(kernel place, other place) for all places of the kernel that bring one to a place of the other tensor, along one axis.
template <typename Visit>
__device__ void for_each_input(int output, int kernel, int stride, int padding, int dilation, int inputs, Visit visit)
{
    for (int k = 0, input = output * stride - padding; k < kernel; k++, input += dilation)
        if (input >= 0 && input < inputs)
            visit(k, input);
}

template <typename Visit>
__device__ void for_each_output(int input, int kernel, int stride, int padding, int dilation, int outputs, Visit visit)
{
    for (int k = 0, begin = input + padding; k < kernel && begin >= 0; k++, begin -= dilation)
    {
        const int output = stride == 1 ? begin : begin / stride;
        if (output < outputs && output * stride == begin)
            visit(k, output);
    }
}

// conv_small_groups_forward: any block and grid size of one dimension.
// Reads x[batch, in_channels, in_depth, in_height, in_width], weight[out_channels, in_channels / groups, kernel_depth,
// kernel_height, kernel_width] and bias[out_channels], which may be null. Writes y[batch, out_channels, out_depth, out_height,
// out_width].
extern "C" __global__ void conv_small_groups_forward(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y)
{
    const ConvGeometry& g = geometry;
    const int channels = g.group_in_channels(), group_out_channels = g.group_out_channels();
    const int64 elements = (int64)g.batch * g.out_channels * g.out_places();
    for (int64 i = global_thread(); i < elements; i += global_threads())
    {
        const Site site(i, g.out_channels, g.out_depth, g.out_height, g.out_width);
        const int first_channel = site.channel / group_out_channels * channels;
        real sum = bias != nullptr ? bias[site.channel] : 0;
        for (int c = 0; c < channels; c++)
        {
            const real* input = x + (site.image * g.in_channels + first_channel + c) * g.in_places();
            const real* filter = weight + ((int64)site.channel * channels + c) * g.taps();
            for_each_input(
                site.slice, g.kernel_depth, g.stride_z, g.padding_z, g.dilation_z, g.in_depth, [&](int kz, int z) {
                    for_each_input(
                        site.row, g.kernel_height, g.stride_y, g.padding_y, g.dilation_y, g.in_height, [&](int ky, int row) {
                            const real* line = input + ((int64)z * g.in_height + row) * g.in_width;
                            const real* weights = filter + (kz * g.kernel_height + ky) * g.kernel_width;
                            for_each_input(
                                site.column, g.kernel_width, g.stride_x, g.padding_x, g.dilation_x, g.in_width,
                                [&](int kx, int column) { sum += weights[kx] * line[column]; });
                        });
                });
        }

        y[i] = sum;
    }
}

// conv_small_groups_backward_input: any block and grid size of one dimension.
// Reads weight and grad_y, of the shape of y. Writes grad_x, of the shape of x. A place gathers from the outputs whose windows
// cover it, so that overlapping windows need no atomics.
extern "C" __global__ void conv_small_groups_backward_input(
    ConvGeometry geometry, const real* __restrict__ weight, const real* __restrict__ grad_y, real* __restrict__ grad_x)
{
    const ConvGeometry& g = geometry;
    const int channels = g.group_in_channels(), group_out_channels = g.group_out_channels();
    const int64 elements = (int64)g.batch * g.in_channels * g.in_places();
    for (int64 i = global_thread(); i < elements; i += global_threads())
    {
        const Site site(i, g.in_channels, g.in_depth, g.in_height, g.in_width);
        const int group = site.channel / channels;
        real sum = 0;
        for (int o = group * group_out_channels; o < (group + 1) * group_out_channels; o++)
        {
            const real* gradient = grad_y + (site.image * g.out_channels + o) * g.out_places();
            const real* filter = weight + ((int64)o * channels + site.channel - group * channels) * g.taps();
            for_each_output(
                site.slice, g.kernel_depth, g.stride_z, g.padding_z, g.dilation_z, g.out_depth, [&](int kz, int z) {
                    for_each_output(
                        site.row, g.kernel_height, g.stride_y, g.padding_y, g.dilation_y, g.out_height,
                        [&](int ky, int row) {
                            const real* line = gradient + ((int64)z * g.out_height + row) * g.out_width;
                            const real* weights = filter + (kz * g.kernel_height + ky) * g.kernel_width;
                            for_each_output(
                                site.column, g.kernel_width, g.stride_x, g.padding_x, g.dilation_x, g.out_width,
                                [&](int kx, int column) { sum += weights[kx] * line[column]; });
                        });
                });
        }

        grad_x[i] = sum;
    }
}

// conv_small_groups_backward_weight: blockDim.x 128; for every split of the positions, a block per output channel and 10
// columns: the taps of its group, then the bias if columns counts it.
// Reads x and grad_y. Writes partials[splits, out_channels, columns], which conv_sum_splits adds up in a fixed order.
extern "C" __global__ void __launch_bounds__(THREADS) conv_small_groups_backward_weight(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ grad_y, int columns,
    int64 positions_per_split, real* __restrict__ partials)
{
    __shared__ real of_warps[COLUMNS][THREADS / LANES];
    const ConvGeometry& g = geometry;
    const int channels = g.group_in_channels(), terms = channels * g.taps();
    const int column_tiles = (int)ceil_div(columns, COLUMNS);
    const int out_channel = (int)(blockIdx.x % g.out_channels);
    const int first_column = (int)(blockIdx.x / g.out_channels % column_tiles) * COLUMNS;
    const int64 split = blockIdx.x / g.out_channels / column_tiles;
    const int64 positions = (int64)g.batch * g.out_places();
    const int64 end = (split + 1) * positions_per_split < positions ? (split + 1) * positions_per_split : positions;
    const real* group_input = x + (int64)(out_channel / g.group_out_channels()) * channels * g.in_places();

    // Where a column's element lies from the first place of a window. The bias meets ones, and so do columns past the last.
    int64 channel_starts[COLUMNS];
    int slices[COLUMNS], rows[COLUMNS], tap_columns[COLUMNS];
#pragma unroll
    for (int j = 0; j < COLUMNS; j++)
    {
        const int term = first_column + j, channel = term / g.taps(), tap = term - channel * g.taps();
        const int line = tap / g.kernel_width, slice = line / g.kernel_height;
        channel_starts[j] = (int64)channel * g.in_places();
        slices[j] = slice * g.dilation_z;
        rows[j] = (line - slice * g.kernel_height) * g.dilation_y;
        tap_columns[j] = (tap - line * g.kernel_width) * g.dilation_x;
    }

    real sums[COLUMNS] = {};
    for (int64 position = split * positions_per_split + threadIdx.x; position < end; position += THREADS)
    {
        const Site site(position, 1, g.out_depth, g.out_height, g.out_width);
        const int inside = (int)(position - site.image * g.out_places());
        const real gradient = grad_y[(site.image * g.out_channels + out_channel) * g.out_places() + inside];
        const real* input = group_input + site.image * g.in_channels * g.in_places();
        const int front = site.slice * g.stride_z - g.padding_z, top = site.row * g.stride_y - g.padding_y;
        const int left = site.column * g.stride_x - g.padding_x;
#pragma unroll
        for (int j = 0; j < COLUMNS; j++)
        {
            if (first_column + j >= terms)
            {
                sums[j] += gradient;
                continue;
            }

            const int slice = front + slices[j], row = top + rows[j], column = left + tap_columns[j];
            if ((unsigned)slice < (unsigned)g.in_depth && (unsigned)row < (unsigned)g.in_height
                && (unsigned)column < (unsigned)g.in_width)
                sums[j] += gradient * input[channel_starts[j] + (slice * g.in_height + row) * g.in_width + column];
        }
    }

#pragma unroll
    for (int j = 0; j < COLUMNS; j++)
    {
        const real sum = sum_of_warp(sums[j]);
        if (threadIdx.x % LANES == 0)
            of_warps[j][threadIdx.x / LANES] = sum;
    }

    __syncthreads();
    if (threadIdx.x < COLUMNS && first_column + (int)threadIdx.x < columns)
    {
        real sum = 0;
        for (int warp = 0; warp < THREADS / LANES; warp++)
            sum += of_warps[threadIdx.x][warp];
        partials[(split * g.out_channels + out_channel) * columns + first_column + threadIdx.x] = sum;
    }
}

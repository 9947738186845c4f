#include "conv_geometry.cuh"
#include "tile_product.cuh"

// Convolution as a product of matrices whose right factor, the patches of the input, is never stored: its elements are
// looked up as they are staged. All three products put positions, which lie next to each other in memory, where
// neighbouring threads take them. A group of channels has products of its own, and a tile belongs to one group. Signals and
// images are volumes of one row and of one slice.

constexpr int COLUMNS = 64;

// A place of the kernel in one channel: how far its element lies from that of the first place, by slices, rows and columns,
// and where its channel starts in a group.
struct Tap
{
    int64 channel_start;
    int slice;
    int row;
    int column;
};

__device__ inline Tap tap_of(int term, const ConvGeometry& g, int places)
{
    const int channel = term / g.taps(), tap = term - channel * g.taps();
    const int line = tap / g.kernel_width, slice = line / g.kernel_height;
    return {
        (int64)channel * places, slice * g.dilation_z, (line - slice * g.kernel_height) * g.dilation_y,
        (tap - line * g.kernel_width) * g.dilation_x};
}

// An output position: where its patch begins in the input, which with padding may lie outside.
struct Patch
{
    int64 image;
    int position;
    int front;
    int top;
    int left;
};

__device__ inline Patch patch_of(int64 position, const ConvGeometry& g)
{
    const int64 image = position / g.out_places();
    const int inside = (int)(position - image * g.out_places());
    const int line = inside / g.out_width, slice = line / g.out_height;
    return {
        image, inside, slice * g.stride_z - g.padding_z, (line - slice * g.out_height) * g.stride_y - g.padding_y,
        (inside - line * g.out_width) * g.stride_x - g.padding_x};
}

// x begins with the first channel of a group.
__device__ inline real input_at(const real* x, const ConvGeometry& g, const Patch& patch, const Tap& tap)
{
    const int slice = patch.front + tap.slice, row = patch.top + tap.row, column = patch.left + tap.column;
    if ((unsigned)slice >= (unsigned)g.in_depth || (unsigned)row >= (unsigned)g.in_height
        || (unsigned)column >= (unsigned)g.in_width)
        return 0;
    const int place = (slice * g.in_height + row) * g.in_width + column;
    return x[patch.image * g.in_channels * g.in_places() + tap.channel_start + place];
}

// The output place whose window begins so many places into the padded input, along one axis; false where there is none.
__device__ inline bool find_output(int begin, int stride, int outputs, int& output)
{
    output = stride == 1 ? begin : begin / stride;
    return begin >= 0 && output < outputs && output * stride == begin;
}

// The group and the first row of a block's tile, and how many blocks lie between those of neighbouring columns.
template <int ROWS>
struct GroupTile
{
    int blocks;
    int group;
    int first_row;

    __device__ GroupTile(const ConvGeometry& g, int group_channels)
    {
        const int row_tiles = (int)ceil_div(group_channels, ROWS);
        blocks = row_tiles * g.groups;
        const int tile = (int)(blockIdx.x % blocks);
        group = tile / row_tiles;
        first_row = (tile - group * row_tiles) * ROWS;
    }
};

// Forward: rows are output channels, columns positions, terms taps of all input channels of the group. All tensors begin with
// the group's first channel.
template <int ROWS>
struct ForwardOperands
{
    const ConvGeometry& g;
    const real* x;
    const real* weight;
    int first_row;
    Patch patch; // of this thread's column
    bool has_patch;
    Tap (&taps)[2][TILE_STEPS];

    __device__ void look_ahead(int stage)
    {
        if (threadIdx.x < TILE_STEPS)
            taps[stage % 2][threadIdx.x] =
                tap_of(stage * TILE_STEPS + threadIdx.x, g, g.in_places());
    }

    __device__ void load(int stage, TileStage<ROWS, COLUMNS>& tile) const
    {
        const int terms = g.group_in_channels() * g.taps(), first = stage * TILE_STEPS;
        const int channels = g.group_out_channels();
        stage_factor<true>(tile.left, [&](int step, int row) {
            const int channel = first_row + row, term = first + step;
            return channel < channels && term < terms ? weight[(int64)channel * terms + term] : (real)0;
        });
        stage_factor<false>(tile.right, [&](int step, int) {
            return has_patch && first + step < terms ? input_at(x, g, patch, taps[stage % 2][step]) : (real)0;
        });
    }
};

// Input gradient: rows are input channels, columns positions of the input, terms taps of all output channels of the group. A
// position gathers from the outputs whose patches cover it, so that overlapping patches need no atomics.
template <int ROWS>
struct InputGradientOperands
{
    const ConvGeometry& g;
    const real* weight;
    const real* grad_y;
    int first_row;
    int64 image; // of this thread's column
    int slice;
    int row;
    int column;
    bool has_position;
    Tap (&taps)[2][TILE_STEPS];

    __device__ void look_ahead(int stage)
    {
        if (threadIdx.x < TILE_STEPS)
            taps[stage % 2][threadIdx.x] = tap_of(stage * TILE_STEPS + threadIdx.x, g, g.out_places());
    }

    __device__ real gradient_at(const Tap& tap) const
    {
        int out_slice, out_row, out_column;
        if (!find_output(slice + g.padding_z - tap.slice, g.stride_z, g.out_depth, out_slice)
            || !find_output(row + g.padding_y - tap.row, g.stride_y, g.out_height, out_row)
            || !find_output(column + g.padding_x - tap.column, g.stride_x, g.out_width, out_column))
            return 0;
        const int place = (out_slice * g.out_height + out_row) * g.out_width + out_column;
        return grad_y[image * g.out_channels * g.out_places() + tap.channel_start + place];
    }

    __device__ void load(int stage, TileStage<ROWS, COLUMNS>& tile) const
    {
        const int terms = g.group_out_channels() * g.taps(), first = stage * TILE_STEPS;
        const int channels = g.group_in_channels();
        stage_factor<true>(tile.left, [&](int step, int row_of_tile) {
            const int channel = first_row + row_of_tile, term = first + step;
            if (channel >= channels || term >= terms)
                return (real)0;
            const int out_channel = term / g.taps(), tap = term - out_channel * g.taps();
            return weight[((int64)out_channel * channels + channel) * g.taps() + tap];
        });
        stage_factor<false>(tile.right, [&](int step, int) {
            return has_position && first + step < terms ? gradient_at(taps[stage % 2][step]) : (real)0;
        });
    }
};

// Weight gradient: rows are output channels, columns taps of all input channels of the group and, behind them, the bias, which
// meets ones; terms are positions.
template <int ROWS>
struct WeightGradientOperands
{
    const ConvGeometry& g;
    const real* x;
    const real* grad_y;
    int first_row;
    int first_column;
    int64 first_position;
    int64 end_position;
    Tap (&taps)[COLUMNS];
    Patch (&patches)[2][TILE_STEPS];

    __device__ void look_ahead(int stage)
    {
        const int64 position = first_position + (int64)stage * TILE_STEPS + threadIdx.x;
        if (threadIdx.x < TILE_STEPS && position < end_position)
            patches[stage % 2][threadIdx.x] = patch_of(position, g);
    }

    __device__ void load(int stage, TileStage<ROWS, COLUMNS>& tile) const
    {
        const int64 left = end_position - first_position - (int64)stage * TILE_STEPS;
        const int steps = left < TILE_STEPS ? (int)left : TILE_STEPS;
        const int terms = g.group_in_channels() * g.taps(), channels = g.group_out_channels();
        stage_factor<true>(tile.left, [&](int step, int row) {
            const int channel = first_row + row;
            if (channel >= channels || step >= steps)
                return (real)0;
            const Patch& patch = patches[stage % 2][step];
            return grad_y[(patch.image * g.out_channels + channel) * g.out_places() + patch.position];
        });
        stage_factor<true>(tile.right, [&](int step, int column) {
            if (first_column + column > terms || step >= steps)
                return (real)0;
            if (first_column + column == terms)
                return (real)1;
            return input_at(x, g, patches[stage % 2][step], taps[column]);
        });
    }
};

__device__ inline int stages_of(int64 terms)
{
    return (int)ceil_div(terms, TILE_STEPS);
}

template <int ROWS>
__device__ void forward(
    const ConvGeometry& g, const real* x, const real* weight, const real* bias, real* y)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    __shared__ Tap taps[2][TILE_STEPS];
    const int channels = g.group_out_channels(), terms = g.group_in_channels() * g.taps();
    const GroupTile<ROWS> tile(g, channels);
    const int64 first_column = (int64)(blockIdx.x / tile.blocks) * COLUMNS;
    const int64 positions = (int64)g.batch * g.out_places();
    const int64 staged = first_column + threadIdx.x % COLUMNS;
    const int64 first_channel = (int64)tile.group * channels;

    ForwardOperands<ROWS> operands = {
        g, x + (int64)tile.group * g.group_in_channels() * g.in_places(), weight + first_channel * terms, tile.first_row,
        patch_of(staged, g), staged < positions, taps};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, stages_of(terms), buffers, sums);

    sums.for_each([&](int row, int column, real sum) {
        const int channel_of_group = tile.first_row + row;
        const int64 position = first_column + column, channel = first_channel + channel_of_group;
        if (channel_of_group >= channels || position >= positions)
            return;
        const int64 image = position / g.out_places();
        const int64 element = (image * (g.out_channels - 1) + channel) * g.out_places() + position;
        y[element] = bias != nullptr ? sum + bias[channel] : sum;
    });
}

template <int ROWS>
__device__ void input_gradient(const ConvGeometry& g, const real* weight, const real* grad_y, real* grad_x)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    __shared__ Tap taps[2][TILE_STEPS];
    const int channels = g.group_in_channels(), out_channels = g.group_out_channels();
    const GroupTile<ROWS> tile(g, channels);
    const int64 first_column = (int64)(blockIdx.x / tile.blocks) * COLUMNS;
    const int64 positions = (int64)g.batch * g.in_places();
    const int64 staged = first_column + threadIdx.x % COLUMNS;
    const int64 staged_image = staged / g.in_places();
    const int inside = (int)(staged - staged_image * g.in_places());
    const int line = inside / g.in_width, slice = line / g.in_height;
    const int64 first_out_channel = (int64)tile.group * out_channels;

    InputGradientOperands<ROWS> operands = {
        g,
        weight + first_out_channel * channels * g.taps(),
        grad_y + first_out_channel * g.out_places(),
        tile.first_row,
        staged_image,
        slice,
        line - slice * g.in_height,
        inside - line * g.in_width,
        staged < positions,
        taps};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, stages_of(out_channels * g.taps()), buffers, sums);

    sums.for_each([&](int row, int column, real sum) {
        const int channel_of_group = tile.first_row + row;
        const int64 position = first_column + column, channel = (int64)tile.group * channels + channel_of_group;
        if (channel_of_group >= channels || position >= positions)
            return;
        const int64 image = position / g.in_places();
        grad_x[(image * (g.in_channels - 1) + channel) * g.in_places() + position] = sum;
    });
}

template <int ROWS>
__device__ void weight_gradient(
    const ConvGeometry& g, const real* x, const real* grad_y, int columns, int64 positions_per_split, real* partials)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    __shared__ Tap taps[COLUMNS];
    __shared__ Patch patches[2][TILE_STEPS];
    const int channels = g.group_out_channels();
    const int column_tiles = (int)ceil_div(columns, COLUMNS);
    const GroupTile<ROWS> tile(g, channels);
    const int first_column = (int)(blockIdx.x / tile.blocks % column_tiles) * COLUMNS;
    const int split = (int)(blockIdx.x / tile.blocks / column_tiles);
    const int64 first_channel = (int64)tile.group * channels;
    const int64 positions = (int64)g.batch * g.out_places();
    const int64 first_position = split * positions_per_split;
    const int64 end = first_position + positions_per_split;
    const int64 end_position = end < positions ? end : positions;

    // Visible to all after the first barrier of the product.
    if (threadIdx.x < COLUMNS)
        taps[threadIdx.x] = tap_of(first_column + threadIdx.x, g, g.in_places());
    WeightGradientOperands<ROWS> operands = {
        g,
        x + (int64)tile.group * g.group_in_channels() * g.in_places(),
        grad_y + first_channel * g.out_places(),
        tile.first_row,
        first_column,
        first_position,
        end_position,
        taps,
        patches};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, stages_of(end_position - first_position), buffers, sums);

    sums.for_each([&](int row, int column, real sum) {
        const int64 channel = first_channel + tile.first_row + row;
        if (tile.first_row + row < channels && first_column + column < columns)
            partials[((int64)split * g.out_channels + channel) * columns + first_column + column] = sum;
    });
}

// conv_forward_32, conv_forward_64: blockDim.x 128; a block per tile of 32 or 64 output channels of a group by 64 positions:
// groups * ceil(out_channels / groups / 32 or 64) * ceil(batch * out_depth * out_height * out_width / 64) of them.
// Reads x[batch, in_channels, in_depth, in_height, in_width], weight[out_channels, in_channels / groups, kernel_depth,
// kernel_height, kernel_width] and bias[out_channels], which may be null. Writes y[batch, out_channels, out_depth, out_height,
// out_width].
extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv_forward_32(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y)
{
    forward<32>(geometry, x, weight, bias, y);
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv_forward_64(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y)
{
    forward<64>(geometry, x, weight, bias, y);
}

// conv_backward_input_32, conv_backward_input_64: blockDim.x 128; a block per tile of 32 or 64 input channels of a
// group by 64 positions of the input.
// Reads weight and grad_y, of the shape of y. Writes grad_x, of the shape of x.
extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv_backward_input_32(
    ConvGeometry geometry, const real* __restrict__ weight, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    input_gradient<32>(geometry, weight, grad_y, grad_x);
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv_backward_input_64(
    ConvGeometry geometry, const real* __restrict__ weight, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    input_gradient<64>(geometry, weight, grad_y, grad_x);
}

// conv_backward_weight_32, conv_backward_weight_64: blockDim.x 128; for every split of the positions, a block per tile
// of 32 or 64 output channels of a group by 64 columns: the taps, then the bias if columns counts it.
// Reads x and grad_y. Writes partials[splits, out_channels, columns], which conv_sum_splits adds up in a fixed order.
extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv_backward_weight_32(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ grad_y, int columns,
    int64 positions_per_split, real* __restrict__ partials)
{
    weight_gradient<32>(geometry, x, grad_y, columns, positions_per_split, partials);
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv_backward_weight_64(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ grad_y, int columns,
    int64 positions_per_split, real* __restrict__ partials)
{
    weight_gradient<64>(geometry, x, grad_y, columns, positions_per_split, partials);
}

// conv_sum_splits: any block and grid size of one dimension.
// Reads partials[splits, rows, columns]. Writes grad_weight[rows, columns] or, where grad_bias is not null,
// grad_weight[rows, columns - 1] and grad_bias[rows] from the last column.
extern "C" __global__ void conv_sum_splits(
    const real* __restrict__ partials, int splits, int rows, int columns, real* __restrict__ grad_weight,
    real* __restrict__ grad_bias)
{
    const int64 elements = (int64)rows * columns;
    const int weight_columns = grad_bias != nullptr ? columns - 1 : columns;
    for (int64 i = global_thread(); i < elements; i += global_threads())
    {
        real sum = 0;
        for (int split = 0; split < splits; split++)
            sum += partials[split * elements + i];
        const int row = (int)(i / columns), column = (int)(i - (int64)row * columns);
        if (column < weight_columns)
            grad_weight[(int64)row * weight_columns + column] = sum;
        else
            grad_bias[row] = sum;
    }
}

#include "conv2d_geometry.cuh"
#include "tile_product.cuh"

// Convolution as a product of matrices whose right factor, the patches of the input, is never stored: its elements are
// looked up as they are staged. All three products put positions, which lie next to each other in memory, where
// neighbouring threads take them.

constexpr int COLUMNS = 64;

// A place of the kernel in one channel, and how far its element lies from that of the first place of the first channel.
struct Tap
{
    int offset;
    int row;
    int column;
};

__device__ inline Tap tap_of(int term, const Conv2dGeometry& g, int plane, int row_width)
{
    const int channel = term / g.taps(), tap = term - channel * g.taps();
    const int row = tap / g.kernel_width, column = tap - row * g.kernel_width;
    return {channel * plane + row * row_width, row, column};
}

// An output position: where its patch begins in the input, which with padding may lie outside.
struct Patch
{
    int64 image;
    int position;
    int top;
    int left;
};

__device__ inline Patch patch_of(int64 position, const Conv2dGeometry& g)
{
    const int64 image = position / g.out_plane();
    const int inside = (int)(position - image * g.out_plane());
    const int row = inside / g.out_width, column = inside - row * g.out_width;
    return {image, inside, row * g.stride_y - g.padding_y, column * g.stride_x - g.padding_x};
}

__device__ inline real input_at(const real* x, const Conv2dGeometry& g, const Patch& patch, const Tap& tap)
{
    const int row = patch.top + tap.row, column = patch.left + tap.column;
    if ((unsigned)row >= (unsigned)g.in_height || (unsigned)column >= (unsigned)g.in_width)
        return 0;
    // The tap's offset counts rows from the top of the patch.
    return x[patch.image * g.in_channels * g.in_plane() + tap.offset + (int64)patch.top * g.in_width + column];
}

// Forward: rows are output channels, columns positions, terms taps of all input channels.
template <int ROWS>
struct ForwardOperands
{
    const Conv2dGeometry& g;
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
                tap_of(stage * TILE_STEPS + threadIdx.x, g, g.in_plane(), g.in_width);
    }

    __device__ void load(int stage, TileStage<ROWS, COLUMNS>& tile) const
    {
        const int terms = g.in_channels * g.taps(), first = stage * TILE_STEPS;
        stage_factor<true>(tile.left, [&](int step, int row) {
            const int channel = first_row + row, term = first + step;
            return channel < g.out_channels && term < terms ? weight[(int64)channel * terms + term] : (real)0;
        });
        stage_factor<false>(tile.right, [&](int step, int) {
            return has_patch && first + step < terms ? input_at(x, g, patch, taps[stage % 2][step]) : (real)0;
        });
    }
};

// Input gradient: rows are input channels, columns positions of the input, terms taps of all output channels. A position
// gathers from the outputs whose patches cover it, so that overlapping patches need no atomics.
template <int ROWS>
struct InputGradientOperands
{
    const Conv2dGeometry& g;
    const real* weight;
    const real* grad_y;
    int first_row;
    int64 image; // of this thread's column
    int row;
    int column;
    bool has_position;
    Tap (&taps)[2][TILE_STEPS];

    __device__ void look_ahead(int stage)
    {
        if (threadIdx.x < TILE_STEPS)
            taps[stage % 2][threadIdx.x] = tap_of(stage * TILE_STEPS + threadIdx.x, g, g.out_plane(), 0);
    }

    __device__ real gradient_at(const Tap& tap) const
    {
        const int y = row + g.padding_y - tap.row, x = column + g.padding_x - tap.column;
        if (y < 0 || x < 0)
            return 0;
        const int out_row = y / g.stride_y, out_column = x / g.stride_x;
        if (out_row >= g.out_height || out_column >= g.out_width || out_row * g.stride_y != y
            || out_column * g.stride_x != x)
            return 0;
        return grad_y[image * g.out_channels * g.out_plane() + tap.offset + out_row * g.out_width + out_column];
    }

    __device__ void load(int stage, TileStage<ROWS, COLUMNS>& tile) const
    {
        const int terms = g.out_channels * g.taps(), first = stage * TILE_STEPS;
        stage_factor<true>(tile.left, [&](int step, int row_of_tile) {
            const int channel = first_row + row_of_tile, term = first + step;
            if (channel >= g.in_channels || term >= terms)
                return (real)0;
            const int out_channel = term / g.taps(), tap = term - out_channel * g.taps();
            return weight[((int64)out_channel * g.in_channels + channel) * g.taps() + tap];
        });
        stage_factor<false>(tile.right, [&](int step, int) {
            return has_position && first + step < terms ? gradient_at(taps[stage % 2][step]) : (real)0;
        });
    }
};

// Weight gradient: rows are output channels, columns taps of all input channels and, behind them, the bias, which meets
// ones; terms are positions.
template <int ROWS>
struct WeightGradientOperands
{
    const Conv2dGeometry& g;
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
        const int terms = g.in_channels * g.taps();
        stage_factor<true>(tile.left, [&](int step, int row) {
            const int channel = first_row + row;
            if (channel >= g.out_channels || step >= steps)
                return (real)0;
            const Patch& patch = patches[stage % 2][step];
            return grad_y[(patch.image * g.out_channels + channel) * g.out_plane() + patch.position];
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
    const Conv2dGeometry& g, const real* x, const real* weight, const real* bias, real* y)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    __shared__ Tap taps[2][TILE_STEPS];
    const int row_tiles = (int)ceil_div(g.out_channels, ROWS);
    const int first_row = (int)(blockIdx.x % row_tiles) * ROWS;
    const int64 first_column = (int64)(blockIdx.x / row_tiles) * COLUMNS;
    const int64 positions = (int64)g.batch * g.out_plane();
    const int64 staged = first_column + threadIdx.x % COLUMNS;

    ForwardOperands<ROWS> operands = {
        g, x, weight, first_row, patch_of(staged, g), staged < positions, taps};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, stages_of(g.in_channels * g.taps()), buffers, sums);

    sums.for_each([&](int row, int column, real sum) {
        const int channel = first_row + row;
        const int64 position = first_column + column;
        if (channel >= g.out_channels || position >= positions)
            return;
        const int64 image = position / g.out_plane();
        const int64 element = (image * (g.out_channels - 1) + channel) * g.out_plane() + position;
        y[element] = bias != nullptr ? sum + bias[channel] : sum;
    });
}

template <int ROWS>
__device__ void input_gradient(const Conv2dGeometry& g, const real* weight, const real* grad_y, real* grad_x)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    __shared__ Tap taps[2][TILE_STEPS];
    const int row_tiles = (int)ceil_div(g.in_channels, ROWS);
    const int first_row = (int)(blockIdx.x % row_tiles) * ROWS;
    const int64 first_column = (int64)(blockIdx.x / row_tiles) * COLUMNS;
    const int64 positions = (int64)g.batch * g.in_plane();
    const int64 staged = first_column + threadIdx.x % COLUMNS;
    const int64 staged_image = staged / g.in_plane();
    const int inside = (int)(staged - staged_image * g.in_plane());
    const int staged_row = inside / g.in_width;

    InputGradientOperands<ROWS> operands = {
        g,    weight, grad_y, first_row, staged_image, staged_row, inside - staged_row * g.in_width, staged < positions,
        taps};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, stages_of(g.out_channels * g.taps()), buffers, sums);

    sums.for_each([&](int row, int column, real sum) {
        const int channel = first_row + row;
        const int64 position = first_column + column;
        if (channel >= g.in_channels || position >= positions)
            return;
        const int64 image = position / g.in_plane();
        grad_x[(image * (g.in_channels - 1) + channel) * g.in_plane() + position] = sum;
    });
}

template <int ROWS>
__device__ void weight_gradient(
    const Conv2dGeometry& g, const real* x, const real* grad_y, int columns, int64 positions_per_split, real* partials)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    __shared__ Tap taps[COLUMNS];
    __shared__ Patch patches[2][TILE_STEPS];
    const int row_tiles = (int)ceil_div(g.out_channels, ROWS);
    const int column_tiles = (int)ceil_div(columns, COLUMNS);
    const int first_row = (int)(blockIdx.x % row_tiles) * ROWS;
    const int first_column = (int)(blockIdx.x / row_tiles % column_tiles) * COLUMNS;
    const int split = (int)(blockIdx.x / row_tiles / column_tiles);
    const int64 positions = (int64)g.batch * g.out_plane();
    const int64 first_position = split * positions_per_split;
    const int64 end = first_position + positions_per_split;
    const int64 end_position = end < positions ? end : positions;

    // Visible to all after the first barrier of the product.
    if (threadIdx.x < COLUMNS)
        taps[threadIdx.x] = tap_of(first_column + threadIdx.x, g, g.in_plane(), g.in_width);
    WeightGradientOperands<ROWS> operands = {
        g, x, grad_y, first_row, first_column, first_position, end_position, taps, patches};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, stages_of(end_position - first_position), buffers, sums);

    sums.for_each([&](int row, int column, real sum) {
        if (first_row + row < g.out_channels && first_column + column < columns)
            partials[((int64)split * g.out_channels + first_row + row) * columns + first_column + column] = sum;
    });
}

// conv2d_forward_32, conv2d_forward_64: blockDim.x 128; a block per tile of 32 or 64 output channels by 64 positions:
// ceil(out_channels / 32 or 64) * ceil(batch * out_height * out_width / 64) of them.
// Reads x[batch, in_channels, in_height, in_width], weight[out_channels, in_channels, kernel_height, kernel_width] and
// bias[out_channels], which may be null. Writes y[batch, out_channels, out_height, out_width].
extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv2d_forward_32(
    Conv2dGeometry geometry, const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y)
{
    forward<32>(geometry, x, weight, bias, y);
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv2d_forward_64(
    Conv2dGeometry geometry, const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y)
{
    forward<64>(geometry, x, weight, bias, y);
}

// conv2d_backward_input_32, conv2d_backward_input_64: blockDim.x 128; a block per tile of 32 or 64 input channels by 64
// positions of the input.
// Reads weight and grad_y[batch, out_channels, out_height, out_width]. Writes grad_x, of the shape of x.
extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv2d_backward_input_32(
    Conv2dGeometry geometry, const real* __restrict__ weight, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    input_gradient<32>(geometry, weight, grad_y, grad_x);
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv2d_backward_input_64(
    Conv2dGeometry geometry, const real* __restrict__ weight, const real* __restrict__ grad_y,
    real* __restrict__ grad_x)
{
    input_gradient<64>(geometry, weight, grad_y, grad_x);
}

// conv2d_backward_weight_32, conv2d_backward_weight_64: blockDim.x 128; for every split of the positions, a block per tile
// of 32 or 64 output channels by 64 columns: the taps, then the bias if columns counts it.
// Reads x and grad_y. Writes partials[splits, out_channels, columns], which conv2d_sum_splits adds up in a fixed order.
extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv2d_backward_weight_32(
    Conv2dGeometry geometry, const real* __restrict__ x, const real* __restrict__ grad_y, int columns,
    int64 positions_per_split, real* __restrict__ partials)
{
    weight_gradient<32>(geometry, x, grad_y, columns, positions_per_split, partials);
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv2d_backward_weight_64(
    Conv2dGeometry geometry, const real* __restrict__ x, const real* __restrict__ grad_y, int columns,
    int64 positions_per_split, real* __restrict__ partials)
{
    weight_gradient<64>(geometry, x, grad_y, columns, positions_per_split, partials);
}

// conv2d_sum_splits: any block and grid size of one dimension.
// Reads partials[splits, rows, columns]. Writes grad_weight[rows, columns] or, where grad_bias is not null,
// grad_weight[rows, columns - 1] and grad_bias[rows] from the last column.
extern "C" __global__ void conv2d_sum_splits(
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

#include "conv_geometry.cuh"
#include "tile_product.cuh"

// Convolution as a product of matrices whose right factor, the patches of the input, is never stored: its elements are
// gathered as they are staged. In all three products an element of the right factor lies where a patch and a tap meet: a patch
// belongs to a position, a tap to a channel and a place of the kernel. Whatever is divided to find one of the two is divided
// once for a thread's own column, and for the terms by one warp, which leaves it in a table for all; what remains for an
// element is to add the two, to see whether the sum is outside, in the padding, and to load. A group of channels has products
// of its own, and a tile belongs to one group. Signals and images are volumes of one row and of one slice.
// ptx-constants: TILE_ROWS=16 TILE_COLUMNS=128 IS_NEAR=1
// ptx-constants: TILE_ROWS=64 TILE_COLUMNS=64 IS_NEAR=0
// ptx-constants: TILE_ROWS=128 TILE_COLUMNS=64 IS_NEAR=1

// Every kernel is compiled for tiles of TILE_ROWS by TILE_COLUMNS, and for near and for any offsets, as IS_NEAR says.
constexpr int ROWS = TILE_ROWS;
constexpr int COLUMNS = TILE_COLUMNS;

// Terms in one half of the table, and the stages they last for.
constexpr int TABLE_TERMS = 32;
constexpr int TABLE_STAGES = TABLE_TERMS / TILE_STEPS;

// A slice, row or column that is outside, whatever is added to it.
constexpr int OUTSIDE = -(1 << 30);

// Places of a kernel that bits of a mask can stand for.
constexpr int MASKED_TAPS = 32;

// A patch or a tap: where it begins, relative to the first element of a tensor, and in slices, rows and columns of a volume.
// left_offset is where the element of the left factor lies in its row. If IS_NEAR is set, the kernel has no more places than
// a mask has bits, no tensor more elements than an int counts, and this is enough: a tap's bit is set in the mask of every
// patch whose place for it is inside.
struct alignas(16) Part
{
    int near_offset;
    unsigned mask;
    int slice;
    int row;
    int column;
    int64 offset;
    int64 left_offset;
};

__device__ inline Part outside()
{
    return {0, 0, OUTSIDE, OUTSIDE, OUTSIDE, 0, 0};
}

// The volumes of a tensor.
struct Extent
{
    int depth;
    int height;
    int width;

    __device__ int places() const { return depth * height * width; }

    __device__ int64 offset(int slice, int row, int column) const
    {
        return ((int64)slice * height + row) * width + column;
    }

    // Without branches, so that a load that depends on it needs none.
    __device__ bool contains(int slice, int row, int column) const
    {
        return ((unsigned)slice < (unsigned)depth) & ((unsigned)row < (unsigned)height)
            & ((unsigned)column < (unsigned)width);
    }
};

__device__ inline Extent in_extent(const ConvGeometry& g)
{
    return {g.in_depth, g.in_height, g.in_width};
}

__device__ inline Extent out_extent(const ConvGeometry& g)
{
    return {g.out_depth, g.out_height, g.out_width};
}

// Taps along one axis: those of the kernel from first, every period-th, and where they lie relative to a patch.
struct TapAxis
{
    int taps;
    int first;
    int period;
    int shift; // of the first
    int shift_per_tap;

    __device__ int place(int tap) const { return first + tap * period; }
    __device__ int shift_of(int tap) const { return shift + tap * shift_per_tap; }
};

// The taps of a product, in a tensor of some extent.
struct Taps
{
    TapAxis z, y, x;
    Extent extent;
    int kernel_height;
    int kernel_width;
    int64 left_per_channel;

    __device__ int count() const { return z.taps * y.taps * x.taps; }

    // Number term of all channels from the first on.
    __device__ Part part(int term, int64 first_channel = 0) const
    {
        const int channel = term / count(), tap = term - channel * count();
        const int line = tap / x.taps, z_tap = line / y.taps, y_tap = line - z_tap * y.taps, x_tap = tap - line * x.taps;
        const int slice = z.shift_of(z_tap), row = y.shift_of(y_tap), column = x.shift_of(x_tap);
        const int place = (z.place(z_tap) * kernel_height + y.place(y_tap)) * kernel_width + x.place(x_tap);
        const int64 offset = (first_channel + channel) * extent.places() + extent.offset(slice, row, column);
        return {(int)offset, 1u << tap % MASKED_TAPS, slice, row, column, offset, channel * left_per_channel + place};
    }

    // Which taps of a patch are inside.
    __device__ unsigned mask(int slice, int row, int column) const
    {
        unsigned mask = 0, bit = 1;
        for (int i = 0; i < z.taps; i++)
            for (int j = 0; j < y.taps; j++)
                for (int k = 0; k < x.taps; k++, bit <<= 1)
                    if (extent.contains(slice + z.shift_of(i), row + y.shift_of(j), column + x.shift_of(k)))
                        mask |= bit;
        return mask;
    }

    // The patch that begins there in a channel.
    __device__ Part patch(int64 channel, int slice, int row, int column, int64 left_offset) const
    {
        const int64 offset = channel * extent.places() + extent.offset(slice, row, column);
        return {
            (int)offset, IS_NEAR ? mask(slice, row, column) : 0, slice, row, column, offset, left_offset};
    }
};

// Those of the kernel, in the input.
__device__ inline Taps kernel_taps(const ConvGeometry& g)
{
    return {
        {g.kernel_depth, 0, 1, 0, g.dilation_z}, {g.kernel_height, 0, 1, 0, g.dilation_y},
        {g.kernel_width, 0, 1, 0, g.dilation_x}, in_extent(g), g.kernel_height, g.kernel_width, g.taps()};
}

// The patch of an output position, in a channel of the input: with padding it may begin outside.
__device__ inline Part patch_of(int64 position, int channel, const ConvGeometry& g, const Taps& taps)
{
    const int64 image = quotient(position, g.out_places());
    const int inside = (int)(position - image * g.out_places());
    const int line = inside / g.out_width, slice = line / g.out_height;
    return taps.patch(
        image * g.in_channels + channel, slice * g.stride_z - g.padding_z,
        (line - slice * g.out_height) * g.stride_y - g.padding_y, (inside - line * g.out_width) * g.stride_x - g.padding_x,
        image * g.out_channels * g.out_places() + inside);
}

// Along one axis, the places of the input that lie as far behind a multiple of the stride: they get their gradients through
// the same taps, and the next of them from the next output.
struct PhaseAxis
{
    int first_place;
    int places;
    TapAxis taps;
};

__device__ inline int greatest_common_divisor(int a, int b)
{
    while (b != 0)
    {
        const int rest = a % b;
        a = b;
        b = rest;
    }

    return a;
}

__device__ inline PhaseAxis phase_of_axis(int phase, int inputs, int kernel, int stride, int padding, int dilation)
{
    const int common = greatest_common_divisor(stride, dilation), period = stride / common;
    int first = 0;
    while (first < kernel && first < period && (phase + padding - first * dilation) % stride != 0)
        first++;
    const int taps = first < kernel && first < period ? (kernel - first - 1) / period + 1 : 0;
    return {
        phase, (inputs - phase - 1) / stride + 1,
        {taps, first, period, (phase + padding - first * dilation) / stride, -dilation / common}};
}

// Where strides are longer than the input, the phases that have a place.
__device__ inline int phases_y(const ConvGeometry& g) { return min(g.stride_y, g.in_height); }
__device__ inline int phases_x(const ConvGeometry& g) { return min(g.stride_x, g.in_width); }
__device__ inline int phases_of(const ConvGeometry& g)
{
    return min(g.stride_z, g.in_depth) * phases_y(g) * phases_x(g);
}

struct Phase
{
    PhaseAxis z, y, x;

    __device__ int places() const { return z.places * y.places * x.places; }

    // In the gradient of the output.
    __device__ Taps taps(const ConvGeometry& g) const
    {
        return {
            z.taps, y.taps, x.taps, out_extent(g), g.kernel_height, g.kernel_width,
            (int64)g.group_in_channels() * g.taps()};
    }
};

__device__ inline Phase phase_of(int phase, const ConvGeometry& g)
{
    const int line = phase / phases_x(g), slice = line / phases_y(g);
    return {
        phase_of_axis(slice, g.in_depth, g.kernel_depth, g.stride_z, g.padding_z, g.dilation_z),
        phase_of_axis(
            line - slice * phases_y(g), g.in_height, g.kernel_height, g.stride_y, g.padding_y, g.dilation_y),
        phase_of_axis(
            phase - line * phases_x(g), g.in_width, g.kernel_width, g.stride_x, g.padding_x, g.dilation_x)};
}

// A place of the input, by its number among those of a phase.
struct PhasePlace
{
    int64 image;
    int slice;
    int row;
    int column;

    __device__ PhasePlace(int64 position, const Phase& phase)
    {
        image = quotient(position, phase.places());
        const int inside = (int)(position - image * phase.places());
        const int line = inside / phase.x.places;
        slice = line / phase.y.places;
        row = line - slice * phase.y.places;
        column = inside - line * phase.x.places;
    }
};

// The factors of a product: the left one has rows of memory as its rows; the right one's element is gathered from where a
// term's part and this thread's own part meet, and otherwise is a constant. part_of(term) makes a term's part.
template <typename PartOf>
struct GatherOperands
{
    static constexpr bool LEFT_ALONG_STEPS = true;
    static constexpr bool RIGHT_ALONG_STEPS = false;

    const real* left_factor;
    int64 first_row;
    int64 left_offset;
    int64 left_stride;
    int rows;
    const real* source;
    Extent extent;
    Part own;
    real otherwise;
    int64 terms;
    PartOf part_of;
    Part (&table)[2][TABLE_TERMS];

    __device__ void look_ahead(int stage)
    {
        if (stage % TABLE_STAGES != 0 || threadIdx.x >= TABLE_TERMS)
            return;
        const int64 term = (int64)stage * TILE_STEPS + threadIdx.x;
        table[stage / TABLE_STAGES % 2][threadIdx.x] = term < terms ? part_of(term) : outside();
    }

    __device__ real load_left(int stage, int step, int row) const
    {
        // Rows past the last are never stored.
        const int64 begin = (first_row + min(row, rows - 1)) * left_stride + left_offset;
        const int64 offset = part(stage, step).left_offset;
        return IS_NEAR ? left_factor[(int)begin + (int)offset] : left_factor[begin + offset];
    }

    __device__ real left(int stage, int step, int, real loaded) const
    {
        return (int64)stage * TILE_STEPS + step < terms ? loaded : 0;
    }

    __device__ real load_right(int stage, int step, int) const
    {
        // Anded, not chosen: a choice may become a branch around the load.
        const int is_inside_mask = -(int)is_inside(stage, step);
        return IS_NEAR ? source[(own.near_offset + part(stage, step).near_offset) & is_inside_mask]
                       : source[(own.offset + part(stage, step).offset) & (int64)is_inside_mask];
    }

    __device__ real right(int stage, int step, int, real loaded) const
    {
        return is_inside(stage, step) ? loaded : otherwise;
    }

private:
    __device__ const Part& part(int stage, int step) const
    {
        return table[stage / TABLE_STAGES % 2][stage % TABLE_STAGES * TILE_STEPS + step];
    }

    __device__ bool is_inside(int stage, int step) const
    {
        const Part& other = part(stage, step);
        return IS_NEAR ? (own.mask & other.mask) != 0
                       : extent.contains(own.slice + other.slice, own.row + other.row, own.column + other.column);
    }
};

// The group and the first row of a block's tile, and how many blocks lie between those of neighbouring columns.
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

__device__ inline int stages_of(int64 terms)
{
    return (int)ceil_div(terms, TILE_STEPS);
}

// blockDim.x is 128 for all kernels of tiles.

// conv_forward: for every split of the terms, a block per tile of output channels of a group by positions:
// groups * ceil(out_channels / groups / TILE_ROWS) * ceil(batch * out_depth * out_height * out_width / TILE_COLUMNS) of them.
// Reads x[batch, in_channels, in_depth, in_height, in_width], weight[out_channels, in_channels / groups, kernel_depth,
// kernel_height, kernel_width] and bias[out_channels], which may be null. Writes y[splits, batch, out_channels, out_depth,
// out_height, out_width]: split s sums over terms s * terms_per_split and on, a term being a tap of an input channel.
extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv_forward(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    int terms_per_split, real* __restrict__ y)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    __shared__ Part table[2][TABLE_TERMS];
    // Rows are output channels, columns positions.
    const ConvGeometry& g = geometry;
    const int channels = g.group_out_channels();
    const GroupTile tile(g, channels);
    const int64 positions = (int64)g.batch * g.out_places();
    const int column_tiles = (int)ceil_div(positions, COLUMNS), column_tile = (int)(blockIdx.x / tile.blocks);
    const int split = column_tile / column_tiles;
    const int64 first_column = (int64)(column_tile - split * column_tiles) * COLUMNS;
    const int64 staged = first_column + threadIdx.x % COLUMNS;
    const int64 first_channel = (int64)tile.group * channels + tile.first_row;
    const int rows = channels - tile.first_row;

    const Taps taps = kernel_taps(g);
    const int all_terms = g.group_in_channels() * g.taps(), first_term = split * terms_per_split;
    const auto part_of = [&](int64 term) { return taps.part(first_term + (int)term); };
    GatherOperands<decltype(part_of)> operands = {
        weight,
        first_channel,
        0,
        all_terms,
        rows,
        x,
        in_extent(g),
        staged < positions ? patch_of(staged, tile.group * g.group_in_channels(), g, taps) : outside(),
        0,
        min(terms_per_split, all_terms - first_term),
        part_of,
        table};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, stages_of(operands.terms), buffers, sums);

    sums.store(
        y + (split * positions * g.out_channels + first_channel * g.out_places()), g.out_places(), rows,
        [&](int column) {
            const int64 position = first_column + column;
            const int64 others = (int64)(g.out_channels - 1) * g.out_places();
            return position < positions ? quotient(position, g.out_places()) * others + position : -1;
        },
        [&](int row) { return bias != nullptr ? bias[first_channel + row] : (real)0; });
}

// conv_backward_input: for every split of the terms and every phase of the strides, a block per tile of input channels of a
// group by positions: min(stride_z, in_depth) * min(stride_y, in_height) * min(stride_x, in_width)
// * groups * ceil(in_channels / groups / TILE_ROWS)
// * ceil(batch * ceil(in_depth / stride_z) * ceil(in_height / stride_y) * ceil(in_width / stride_x) / TILE_COLUMNS) of them.
// Reads weight and grad_y, of the shape of y. Writes grad_x[splits, batch, in_channels, in_depth, in_height, in_width]: split s
// sums over terms s * terms_per_split and on, a term being a tap of an output channel.
extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv_backward_input(
    ConvGeometry geometry, const real* __restrict__ weight, const real* __restrict__ grad_y, int terms_per_split,
    real* __restrict__ grad_x)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    __shared__ Part table[2][TABLE_TERMS];
    // Rows are input channels, columns positions of the input in one phase. A position gathers from the outputs whose patches
    // cover it, so that overlapping patches need no atomics.
    const ConvGeometry& g = geometry;
    const int channels = g.group_in_channels(), out_channels = g.group_out_channels();
    const GroupTile tile(g, channels);
    // Phases have as many blocks as the first, the largest.
    const int64 most = ceil_div(g.in_depth, g.stride_z) * ceil_div(g.in_height, g.stride_y) * ceil_div(g.in_width, g.stride_x);
    const int column_tiles = (int)ceil_div(g.batch * most, COLUMNS), phases = phases_of(g);
    const int column_tile = (int)(blockIdx.x / tile.blocks);
    const int phase_of_split = column_tile / column_tiles, split = phase_of_split / phases;
    __shared__ Phase phase;
    if (threadIdx.x == 0)
        phase = phase_of(phase_of_split - split * phases, g);
    __syncthreads();
    const int64 first_column = (int64)(column_tile - phase_of_split * column_tiles) * COLUMNS;
    const int64 positions = (int64)g.batch * phase.places();
    if (first_column >= positions)
        return;
    const int64 staged = first_column + threadIdx.x % COLUMNS;
    const int64 first_out_channel = (int64)tile.group * out_channels;
    const int rows = channels - tile.first_row;

    const auto own_patch = [&](int64 position) {
        const PhasePlace place(position, phase);
        return phase.taps(g).patch(
            place.image * g.out_channels + first_out_channel, place.slice, place.row, place.column, 0);
    };
    const int first_term = split * terms_per_split;
    const auto part_of = [&](int64 term) { return phase.taps(g).part(first_term + (int)term); };
    GatherOperands<decltype(part_of)> operands = {
        weight,
        tile.first_row,
        first_out_channel * channels * g.taps(),
        g.taps(),
        rows,
        grad_y,
        out_extent(g),
        staged < positions ? own_patch(staged) : outside(),
        0,
        min(terms_per_split, out_channels * phase.taps(g).count() - first_term),
        part_of,
        table};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, stages_of(operands.terms), buffers, sums);

    sums.store(
        grad_x + ((int64)split * g.batch * g.in_channels + tile.group * channels + tile.first_row) * g.in_places(),
        g.in_places(), rows,
        [&](int column) {
            if (first_column + column >= positions)
                return (int64)-1;
            const PhasePlace place(first_column + column, phase);
            return place.image * g.in_channels * g.in_places()
                + in_extent(g).offset(
                    phase.z.first_place + place.slice * g.stride_z, phase.y.first_place + place.row * g.stride_y,
                    phase.x.first_place + place.column * g.stride_x);
        },
        [](int) { return (real)0; });
}

// conv_backward_weight: for every split of the positions, a block per tile of output channels of a group by columns: the taps,
// then the bias if columns counts it.
// Reads x and grad_y. Writes partials[splits, out_channels, columns], which conv_sum_splits adds up in a fixed order.
extern "C" __global__ void __launch_bounds__(TILE_THREADS) conv_backward_weight(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ grad_y, int columns,
    int64 positions_per_split, real* __restrict__ partials)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    __shared__ Part table[2][TABLE_TERMS];
    // Rows are output channels, columns taps of all input channels of the group and, behind them, the bias, which meets ones;
    // terms are positions.
    const ConvGeometry& g = geometry;
    const int channels = g.group_out_channels();
    const int column_tiles = (int)ceil_div(columns, COLUMNS);
    const GroupTile tile(g, channels);
    const int first_column = (int)(blockIdx.x / tile.blocks % column_tiles) * COLUMNS;
    const int split = (int)(blockIdx.x / tile.blocks / column_tiles);
    const int64 first_channel = (int64)tile.group * channels + tile.first_row;
    const int64 positions = (int64)g.batch * g.out_places(), first_position = split * positions_per_split;
    const int64 left = positions - first_position;
    const int rows = channels - tile.first_row, all_taps = g.group_in_channels() * g.taps();
    const int staged = first_column + (int)threadIdx.x % COLUMNS;

    const Taps taps = kernel_taps(g);
    const auto part_of = [&](int64 term) { return patch_of(first_position + term, 0, g, taps); };
    GatherOperands<decltype(part_of)> operands = {
        grad_y,
        first_channel,
        0,
        g.out_places(),
        rows,
        x,
        in_extent(g),
        staged < all_taps ? taps.part(staged, tile.group * g.group_in_channels()) : outside(),
        // No tap is beyond the bias.
        (real)(staged < all_taps ? 0 : 1),
        left < positions_per_split ? left : positions_per_split,
        part_of,
        table};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, stages_of(operands.terms), buffers, sums);

    sums.store(
        partials + ((int64)split * g.out_channels + first_channel) * columns, columns, rows,
        [&](int column) { return first_column + column < columns ? (int64)first_column + column : -1; },
        [](int) { return (real)0; });
}

#include "conv_geometry.cuh"
#include "pack.cuh"

// Convolution of images with one channel, without dilation, such as the first layer's. A product of matrices would have as
// few terms as the kernel has taps and gain nothing from its tiles; here a block keeps a band of the image and the weights in
// shared memory, and every value loaded from there is used by several outputs in registers.

constexpr int THREADS = 128;
constexpr int LANES = 32;
constexpr int WARPS = THREADS / LANES;

// Outputs a thread has at a time: positions LANES apart, by channels.
constexpr int POSITIONS = 2;
constexpr int CHANNELS = 10;

// A band: the rows of the padded image that BAND_POSITIONS outputs in a row see, whole rows because those outputs may begin
// and end anywhere in theirs.
constexpr int BAND_POSITIONS = THREADS * POSITIONS;

struct Band
{
    int first_position;
    int end_position;
    int first_row; // of outputs
    int width;

    __device__ Band(const ConvGeometry& g, int band, int positions)
    {
        first_position = band * positions;
        end_position = min(first_position + positions, g.out_places());
        first_row = first_position / g.out_width;
        width = (g.out_width - 1) * g.stride_x + g.kernel_width;
    }

    __device__ void load(const ConvGeometry& g, const real* image, real* pixels) const
    {
        const int last_row = (end_position - 1) / g.out_width;
        const int rows = (last_row - first_row) * g.stride_y + g.kernel_height;
        for (int i = threadIdx.x; i < rows * width; i += blockDim.x)
        {
            const int row_in_band = i / width;
            const int row = first_row * g.stride_y - g.padding_y + row_in_band;
            const int column = i - row_in_band * width - g.padding_x;
            const bool is_inside = (unsigned)row < (unsigned)g.in_height && (unsigned)column < (unsigned)g.in_width;
            pixels[i] = is_inside ? image[(int64)row * g.in_width + column] : 0;
        }
    }

    // Where in the band the patch of a position begins.
    __device__ int patch(const ConvGeometry& g, int position) const
    {
        const int row = position / g.out_width, column = position - row * g.out_width;
        return (row - first_row) * g.stride_y * width + column * g.stride_x;
    }
};

// conv_one_channel_forward: blockDim.x 128; a block per band of 256 positions of an image. Dynamic shared memory: the
// weights, filled up to a multiple of 10 channels, and a band.
// Reads x[batch, 1, in_height, in_width], weight[out_channels, 1, kernel_height, kernel_width] and bias[out_channels], which
// may be null. Writes y[batch, out_channels, out_height, out_width].
extern "C" __global__ void __launch_bounds__(THREADS) conv_one_channel_forward(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y)
{
    extern __shared__ real shared[];
    const ConvGeometry& g = geometry;
    const int bands = (int)ceil_div(g.out_places(), BAND_POSITIONS);
    const int64 image = blockIdx.x / bands;
    const Band band(g, blockIdx.x % bands, BAND_POSITIONS);
    const int taps = g.taps(), channels = (int)ceil_div(g.out_channels, CHANNELS) * CHANNELS;
    real* weights = shared; // [taps][channels], so that a thread's channels are neighbours
    real* pixels = shared + taps * channels;
    for (int i = threadIdx.x; i < taps * channels; i += THREADS)
    {
        const int tap = i / channels, channel = i - tap * channels;
        weights[i] = channel < g.out_channels ? weight[channel * taps + tap] : 0;
    }

    band.load(g, x + image * g.in_places(), pixels);
    __syncthreads();

    // A warp's positions follow each other, so that at the end of an image whole warps have none.
    const int first_of_warp = band.first_position + (int)threadIdx.x / LANES * (LANES * POSITIONS);
    if (first_of_warp >= band.end_position)
        return;
    const int first_of_thread = first_of_warp + (int)threadIdx.x % LANES;
    const real* patches[POSITIONS];
#pragma unroll
    for (int p = 0; p < POSITIONS; p++)
    {
        // A thread past the end repeats the last position, and stores nothing.
        const int position = first_of_thread + p * LANES;
        patches[p] = pixels + band.patch(g, min(position, band.end_position - 1));
    }

    for (int first_channel = 0; first_channel < g.out_channels; first_channel += CHANNELS)
    {
        real sums[CHANNELS][POSITIONS] = {};
        const real* of_tap = weights + first_channel;
        for (int row = 0; row < g.kernel_height; row++)
        {
            for (int column = 0; column < g.kernel_width; column++, of_tap += channels)
            {
#pragma unroll
                for (int p = 0; p < POSITIONS; p++)
                {
                    const real pixel = patches[p][row * band.width + column];
#pragma unroll
                    for (int c = 0; c < CHANNELS; c++)
                        sums[c][p] += of_tap[c] * pixel;
                }
            }
        }

#pragma unroll
        for (int p = 0; p < POSITIONS; p++)
        {
            const int position = first_of_thread + p * LANES;
            for (int c = 0; c < CHANNELS && first_channel + c < g.out_channels && position < band.end_position; c++)
            {
                const int channel = first_channel + c;
                const real sum = sums[c][p];
                y[(image * g.out_channels + channel) * g.out_places() + position] =
                    bias != nullptr ? sum + bias[channel] : sum;
            }
        }
    }
}

// The weight gradient: lanes are columns of it, the taps and then the bias, and every thread has all channels of a group. The
// four warps share out the positions of a band, a pack of neighbouring ones at a time: what a thread loads from shared memory
// then meets several numbers in registers, whether it is a pixel or a pack of gradients.
constexpr int GROUP_CHANNELS = 20;
constexpr int STAGED_POSITIONS = 64;

// conv_one_channel_backward_weight: blockDim.x 128; for every split, a block per 20 channels and 32 columns: the taps and,
// if columns counts it, the bias. Dynamic shared memory: a band of 64 positions.
// Reads x and grad_y. A split takes every splits-th band of all images. Writes partials[splits, out_channels, columns],
// which conv_sum_splits adds up in a fixed order.
extern "C" __global__ void __launch_bounds__(THREADS) conv_one_channel_backward_weight(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ grad_y, int columns, int splits,
    real* __restrict__ partials)
{
    extern __shared__ real pixels[];
    __shared__ Pack gradients[GROUP_CHANNELS][STAGED_POSITIONS / PACK_ELEMENTS];
    __shared__ int patches[STAGED_POSITIONS];
    __shared__ real sums_of_block[GROUP_CHANNELS][LANES];
    const ConvGeometry& g = geometry;
    const int groups = (int)ceil_div(g.out_channels, GROUP_CHANNELS);
    const int column_tiles = (int)ceil_div(columns, LANES);
    const int first_channel = (int)(blockIdx.x % groups) * GROUP_CHANNELS;
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const int column = (int)(blockIdx.x / groups % column_tiles) * LANES + lane;
    const int split = (int)(blockIdx.x / groups / column_tiles);
    const int bands = (int)ceil_div(g.out_places(), STAGED_POSITIONS);
    const Band first_band(g, 0, STAGED_POSITIONS);
    const bool is_tap = column < g.taps();
    const int tap = is_tap ? column / g.kernel_width * first_band.width + column % g.kernel_width : 0;

    real sums[GROUP_CHANNELS] = {};
    for (int64 i = split; i < (int64)g.batch * bands; i += splits)
    {
        const int64 image = quotient(i, bands);
        const Band band(g, (int)(i - image * bands), STAGED_POSITIONS);
        const int staged = band.end_position - band.first_position;
        band.load(g, x + image * g.in_places(), pixels);
        if (threadIdx.x < staged)
            patches[threadIdx.x] = band.patch(g, band.first_position + threadIdx.x);
        for (int element = threadIdx.x; element < GROUP_CHANNELS * STAGED_POSITIONS; element += THREADS)
        {
            const int group_channel = element / STAGED_POSITIONS, position = element % STAGED_POSITIONS;
            const int channel = first_channel + group_channel;
            const bool is_inside = channel < g.out_channels && position < staged;
            gradients[group_channel][position / PACK_ELEMENTS].values[position % PACK_ELEMENTS] =
                is_inside ? grad_y[(image * g.out_channels + channel) * g.out_places() + band.first_position + position]
                          : 0;
        }

        __syncthreads();
        for (int pack = warp; pack * PACK_ELEMENTS < staged; pack += WARPS)
        {
            real pixel[PACK_ELEMENTS];
#pragma unroll
            for (int k = 0; k < PACK_ELEMENTS; k++)
            {
                const int position = pack * PACK_ELEMENTS + k;
                // Past the last position, gradients are 0, and what they meet must not be infinite.
                pixel[k] = position >= staged ? (real)0 : is_tap ? pixels[patches[position] + tap] : (real)1;
            }

#pragma unroll
            for (int c = 0; c < GROUP_CHANNELS; c++)
            {
                const Pack of_channel = gradients[c][pack];
#pragma unroll
                for (int k = 0; k < PACK_ELEMENTS; k++)
                    sums[c] += of_channel.values[k] * pixel[k];
            }
        }

        __syncthreads();
    }

    // One warp after the other, so that the order never changes.
    for (int turn = 0; turn < WARPS; turn++)
    {
        if (warp == turn)
        {
#pragma unroll
            for (int c = 0; c < GROUP_CHANNELS; c++)
                sums_of_block[c][lane] = turn == 0 ? sums[c] : sums_of_block[c][lane] + sums[c];
        }

        __syncthreads();
    }

    for (int c = warp; c < GROUP_CHANNELS && first_channel + c < g.out_channels; c += WARPS)
        if (column < columns)
            partials[((int64)split * g.out_channels + first_channel + c) * columns + column] = sums_of_block[c][lane];
}

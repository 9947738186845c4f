#include "conv_geometry.cuh"
#include "pack.cuh"
#include "window_axes.cuh"

// Convolution of images in groups of few channels, depthwise above all, without dilation, and with a kernel and strides that
// are compile-time constants:
//   KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_Y, STRIDE_X
//   PHASE_Y, PHASE_X: the remainders of the padding by the strides
//   CHANNELS: the channels that a group has of results, which are outputs or gradients of inputs
//   STRIP: how many rows of results a thread has, or those of a step if they are more
// A tile of a product of matrices would be empty but for a row or two. Here a thread has the same strip of results in all
// channels of its group: it loads the sources around them once, one channel of sources after the other, and every one of them
// meets several results in registers.
//
// ptx-constants: KERNEL_HEIGHT=3 KERNEL_WIDTH=3 STRIDE_Y=1 STRIDE_X=1 PHASE_Y=0 PHASE_X=0 CHANNELS=1 STRIP=4
// ptx-constants: KERNEL_HEIGHT=3 KERNEL_WIDTH=3 STRIDE_Y=2 STRIDE_X=2 PHASE_Y=1 PHASE_X=1 CHANNELS=8 STRIP=4
// ptx-constants: KERNEL_HEIGHT=7 KERNEL_WIDTH=7 STRIDE_Y=1 STRIDE_X=1 PHASE_Y=0 PHASE_X=0 CHANNELS=8 STRIP=4
// ptx-constants: KERNEL_HEIGHT=1 KERNEL_WIDTH=4 STRIDE_Y=1 STRIDE_X=2 PHASE_Y=0 PHASE_X=1 CHANNELS=3 STRIP=1

constexpr int THREADS = 128;
constexpr int TAPS = KERNEL_HEIGHT * KERNEL_WIDTH;
constexpr int PATCHES = STRIP > STRIDE_Y ? STRIP / STRIDE_Y : 1;

// A tensor [batch, channels, height, width].
struct Images
{
    int channels, height, width;

    __device__ int64 plane(int64 image, int channel) const { return (image * channels + channel) * height * width; }
};

// Of a channel of sources: [TAPS][CHANNELS] weights in whole packs, zeros after the last.
constexpr int WEIGHTS = TAPS * CHANNELS;
constexpr int WEIGHT_PACKS = (WEIGHTS + PACK_ELEMENTS - 1) / PACK_ELEMENTS;

// The weights of a group, which the tensor has as [pairs of channels][TAPS]: pair_of(source, result) is the number of one.
template <typename PairOf>
__device__ __forceinline__ void stage_weights(const real* of_group, int sources, PairOf pair_of, real* staged)
{
    constexpr int ROW = WEIGHT_PACKS * PACK_ELEMENTS;
    for (int i = threadIdx.x; i < sources * ROW; i += THREADS)
    {
        const int source = i / ROW, place = i % ROW;
        staged[i] = place < WEIGHTS ? of_group[pair_of(source, place % CHANNELS) * TAPS + place / CHANNELS] : (real)0;
    }
}

template <typename Down, typename Across>
__device__ __forceinline__ void multiply(
    const real (&values)[Down::SOURCES][Across::SOURCES], const Pack* weights,
    real (&sums)[CHANNELS][Down::RESULTS][Across::RESULTS])
{
    // A weight is loaded once, and is in a register no longer than it takes.
    Pack pack;
#pragma unroll
    for (int tap = 0; tap < TAPS; tap++)
    {
        real of_tap[CHANNELS];
#pragma unroll
        for (int channel = 0; channel < CHANNELS; channel++)
        {
            const int i = tap * CHANNELS + channel;
            if (i % PACK_ELEMENTS == 0)
                pack = weights[i / PACK_ELEMENTS];
            of_tap[channel] = pack.values[i % PACK_ELEMENTS];
        }

#pragma unroll
        for (int r = 0; r < Down::RESULTS; r++)
        {
#pragma unroll
            for (int c = 0; c < Across::RESULTS; c++)
            {
                const int y = tap / KERNEL_WIDTH, x = tap % KERNEL_WIDTH;
                if (!Down::meets(r, y) || !Across::meets(c, x))
                    continue;
#pragma unroll
                for (int channel = 0; channel < CHANNELS; channel++)
                    sums[channel][r][c] += of_tap[channel] * values[Down::source(r, y)][Across::source(c, x)];
            }
        }
    }
}

// The strips of one group that a block has, out of blocks for all strips of all groups. weight is the tensor of all; bias may
// be null.
template <typename Down, typename Across, typename PairOf>
__device__ __forceinline__ void convolve_strip(
    const ConvGeometry& g, const Images& source, const real* x, const real* weight, PairOf pair_of, const real* bias,
    const Images& result, real* y)
{
    extern __shared__ Pack shared[];
    const int tiles = gridDim.x / g.groups, group = blockIdx.x / tiles;
    const int channels = source.channels / g.groups;
    const Strips<Down::RESULTS, Across::RESULTS> strips(result.height, result.width);
    const int64 end = strips.count(g.batch);
    const int64 strip = (int64)(blockIdx.x - group * tiles) * THREADS + threadIdx.x;
    const bool is_strip = strip < end;
    // A thread past the end repeats the last strip, and stores nothing.
    const auto place = strips.at(is_strip ? strip : end - 1);
    const Sources<Down, Across> around = {
        Down::first_source(place.row, g.padding_y), Across::first_source(place.column, g.padding_x), source.height,
        source.width};

    // Under way while the weights come, and then while those of the channel before are multiplied.
    const real* plane = x + source.plane(place.image, group * channels);
    real next[Down::SOURCES][Across::SOURCES];
    around.load(plane, next);
    stage_weights(weight + (int64)group * channels * WEIGHTS, channels, pair_of, (real*)shared);
    __syncthreads();

    real sums[CHANNELS][Down::RESULTS][Across::RESULTS] = {};
    for (int channel = 0; channel < channels; channel++)
    {
        real values[Down::SOURCES][Across::SOURCES];
#pragma unroll
        for (int i = 0; i < Down::SOURCES; i++)
        {
#pragma unroll
            for (int j = 0; j < Across::SOURCES; j++)
                values[i][j] = next[i][j];
        }

        around.mask(values);
        plane += source.height * source.width;
        if (channel + 1 < channels)
            around.load(plane, next);
        multiply<Down, Across>(values, shared + channel * WEIGHT_PACKS, sums);
    }

    if (!is_strip)
        return;
    const bool is_in_pairs = Across::RESULTS == 2 && result.width % 2 == 0 && (size_t)y % sizeof(Pair) == 0;
#pragma unroll
    for (int channel = 0; channel < CHANNELS; channel++)
    {
        const int result_channel = group * CHANNELS + channel;
        const real start = bias != nullptr ? bias[result_channel] : 0;
        real* results = y + result.plane(place.image, result_channel) + place.row * result.width + place.column;
#pragma unroll
        for (int r = 0; r < Down::RESULTS; r++)
        {
            if (place.row + r >= result.height)
                break;
            if (is_in_pairs)
            {
                *(Pair*)(results + r * result.width) = {
                    sums[channel][r][0] + start, sums[channel][r][Across::RESULTS - 1] + start};
                continue;
            }

#pragma unroll
            for (int c = 0; c < Across::RESULTS; c++)
            {
                if (place.column + c < result.width)
                    results[r * result.width + c] = sums[channel][r][c] + start;
            }
        }
    }
}

// conv_windows_forward: blockDim.x 128; for every group as many blocks as its strips of STRIP rows and one column fill, in all
// images. Dynamic shared memory: for every input channel of a group its weights, in whole packs of 16 bytes.
// Reads x[batch, in_channels, in_height, in_width], weight[out_channels, in_channels / groups, KERNEL_HEIGHT, KERNEL_WIDTH] and
// bias[out_channels], which may be null. Writes y[batch, out_channels, out_height, out_width]; CHANNELS is out_channels /
// groups.
extern "C" __global__ void __launch_bounds__(THREADS) conv_windows_forward(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y)
{
    const ConvGeometry& g = geometry;
    const int sources = g.group_in_channels();
    convolve_strip<OutputAxis<KERNEL_HEIGHT, STRIDE_Y, STRIP>, OutputAxis<KERNEL_WIDTH, STRIDE_X, 1>>(
        g, {g.in_channels, g.in_height, g.in_width}, x, weight,
        [&](int in_channel, int out_channel) { return out_channel * sources + in_channel; }, bias,
        {g.out_channels, g.out_height, g.out_width}, y);
}

// conv_windows_backward_input: blockDim.x 128; for every group as many blocks as its strips fill, in all images: of STRIP rows,
// or STRIDE_Y if they are more, and STRIDE_X columns. Dynamic shared memory: for every output channel of a group its weights,
// in whole packs of 16 bytes.
// Reads weight and grad_y, of the shape of y. Writes grad_x, of the shape of x; CHANNELS is in_channels / groups. An input
// gathers from the outputs whose windows cover it, so that overlapping windows need no atomics.
extern "C" __global__ void __launch_bounds__(THREADS) conv_windows_backward_input(
    ConvGeometry geometry, const real* __restrict__ weight, const real* __restrict__ grad_y, real* __restrict__ grad_x)
{
    const ConvGeometry& g = geometry;
    convolve_strip<
        InputAxis<KERNEL_HEIGHT, STRIDE_Y, PHASE_Y, PATCHES>, InputAxis<KERNEL_WIDTH, STRIDE_X, PHASE_X, 1>>(
        g, {g.out_channels, g.out_height, g.out_width}, grad_y, weight,
        [](int out_channel, int in_channel) { return out_channel * CHANNELS + in_channel; }, nullptr,
        {g.in_channels, g.in_height, g.in_width}, grad_x);
}

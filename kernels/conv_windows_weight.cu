#include "conv_geometry.cuh"
#include "warp_sum.cuh"
#include "window_axes.cuh"

// The weight gradient of convolution of images in groups, without dilation, and with a kernel and strides that are
// compile-time constants:
//   KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_Y, STRIDE_X
//   CHANNELS: of how many output channels a thread has sums
//   STRIP: how many rows of outputs it takes at a time
// Few weights meet many places, and so a thread has all sums of an input channel and several output channels, and adds to
// them one strip after the other: it loads the inputs around a strip once for all channels and all places of the kernel.
//
// ptx-constants: KERNEL_HEIGHT=3 KERNEL_WIDTH=3 STRIDE_Y=1 STRIDE_X=1 CHANNELS=1 STRIP=4
// ptx-constants: KERNEL_HEIGHT=3 KERNEL_WIDTH=3 STRIDE_Y=2 STRIDE_X=2 CHANNELS=8 STRIP=4
// ptx-constants: KERNEL_HEIGHT=7 KERNEL_WIDTH=7 STRIDE_Y=1 STRIDE_X=1 CHANNELS=1 STRIP=4
// ptx-constants: KERNEL_HEIGHT=1 KERNEL_WIDTH=4 STRIDE_Y=1 STRIDE_X=2 CHANNELS=3 STRIP=1

constexpr int THREADS = 128;
constexpr int LANES = 32;
constexpr int WARPS = THREADS / LANES;
constexpr int TAPS = KERNEL_HEIGHT * KERNEL_WIDTH;

// What a thread sums up of an output channel: the places of the kernel, and the bias.
constexpr int TERMS = TAPS + 1;

using Down = OutputAxis<KERNEL_HEIGHT, STRIDE_Y, STRIP>;
using Across = OutputAxis<KERNEL_WIDTH, STRIDE_X, 1>;

// conv_windows_backward_weight: blockDim.x 128; for every split of the strips, a warp per input channel and CHANNELS output
// channels of its group. Strips are of STRIP rows and one column.
// Reads x[batch, in_channels, in_height, in_width] and grad_y[batch, out_channels, out_height, out_width]. Writes
// partials[splits, out_channels, columns], which conv_sum_splits adds up in a fixed order; the columns are the places of the
// kernel in all input channels of the group, then the bias if columns counts it.
extern "C" __global__ void __launch_bounds__(THREADS) conv_windows_backward_weight(
    ConvGeometry geometry, const real* __restrict__ x, const real* __restrict__ grad_y, int columns,
    int64 strips_per_split, int splits, real* __restrict__ partials)
{
    const ConvGeometry& g = geometry;
    const int channels = g.group_in_channels(), group_out_channels = g.group_out_channels();
    const int sets = (int)ceil_div(group_out_channels, CHANNELS);
    // Warps side by side have the same gradients.
    const int lane = threadIdx.x % LANES;
    const int64 warp = (int64)blockIdx.x * WARPS + threadIdx.x / LANES;
    const int64 set_of_all = quotient(warp, channels), group_of_all = quotient(set_of_all, sets);
    const int64 split = quotient(group_of_all, g.groups);
    if (split >= splits)
        return;
    const int channel = (int)(warp - set_of_all * channels);
    const int group = (int)(group_of_all - split * g.groups);
    const int first_in_group = (int)(set_of_all - group_of_all * sets) * CHANNELS;
    const int first_channel = group * group_out_channels + first_in_group;
    const int channels_here = min(CHANNELS, group_out_channels - first_in_group);

    const Strips<STRIP, 1> strips(g.out_height, g.out_width);
    const int64 all = strips.count(g.batch);
    const int64 end = (split + 1) * strips_per_split < all ? (split + 1) * strips_per_split : all;
    real sums[CHANNELS][TERMS] = {};
    for (int64 strip = split * strips_per_split + lane; strip < end; strip += LANES)
    {
        const auto place = strips.at(strip);
        const real* of_strip = grad_y + (place.image * g.out_channels + first_channel) * g.out_places() + place.column;
        // What does not exist repeats the last that does: its products go nowhere.
        real gradients[CHANNELS][STRIP];
#pragma unroll
        for (int o = 0; o < CHANNELS; o++)
        {
            const real* plane = of_strip + (int64)min(o, channels_here - 1) * g.out_places();
#pragma unroll
            for (int r = 0; r < STRIP; r++)
                gradients[o][r] = plane[min(place.row + r, g.out_height - 1) * g.out_width];
        }

        const Sources<Down, Across> around = {
            Down::first_source(place.row, g.padding_y), Across::first_source(place.column, g.padding_x), g.in_height,
            g.in_width};
        real values[Down::SOURCES][Across::SOURCES];
        around.load(x + (place.image * g.in_channels + group * channels + channel) * g.in_places(), values);
        around.mask(values);
#pragma unroll
        for (int r = 0; r < STRIP; r++)
        {
            // Zeros as gradients would not do: inputs that no window meets may be infinite.
            if (place.row + r >= g.out_height)
                break;
#pragma unroll
            for (int o = 0; o < CHANNELS; o++)
            {
#pragma unroll
                for (int tap = 0; tap < TAPS; tap++)
                    sums[o][tap] += gradients[o][r]
                        * values[Down::source(r, tap / KERNEL_WIDTH)][Across::source(0, tap % KERNEL_WIDTH)];
                sums[o][TAPS] += gradients[o][r];
            }
        }
    }

    // The bias is that of all input channels.
    const int terms = channel == 0 && columns > channels * TAPS ? TERMS : TAPS;
#pragma unroll
    for (int o = 0; o < CHANNELS; o++)
    {
        real* row = partials + (split * g.out_channels + first_channel + o) * columns;
#pragma unroll
        for (int term = 0; term < TERMS; term++)
        {
            const real sum = sum_of_warp(sums[o][term]);
            if (lane == term % LANES && term < terms && o < channels_here)
                row[term < TAPS ? channel * TAPS + term : columns - 1] = sum;
        }
    }
}

// The sizes of a convolution.
#pragma once
#include "common.cuh"

// As the C# structure of that name.
struct ConvGeometry
{
    int batch;
    int in_channels, in_height, in_width;
    int out_channels, out_height, out_width;
    int kernel_height, kernel_width;
    int stride_y, stride_x;
    int padding_y, padding_x; // before the first row and column
    int dilation_y, dilation_x;
    int groups;
    int in_depth, out_depth, kernel_depth;
    int stride_z, padding_z, dilation_z;

    __device__ int taps() const { return kernel_depth * kernel_height * kernel_width; }
    __device__ int group_in_channels() const { return in_channels / groups; }
    __device__ int group_out_channels() const { return out_channels / groups; }
    // Of a channel.
    __device__ int in_places() const { return in_depth * in_height * in_width; }
    __device__ int out_places() const { return out_depth * out_height * out_width; }
};

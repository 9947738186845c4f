// The sizes of a convolution.
#pragma once
#include "common.cuh"

// As the C# structure of that name.
struct Conv2dGeometry
{
    int batch;
    int in_channels, in_height, in_width;
    int out_channels, out_height, out_width;
    int kernel_height, kernel_width;
    int stride_y, stride_x;
    int padding_y, padding_x;

    __device__ int taps() const { return kernel_height * kernel_width; }
    __device__ int out_plane() const { return out_height * out_width; }
    __device__ int in_plane() const { return in_height * in_width; }
};

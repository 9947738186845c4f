// The sizes of pooling over windows, and where the elements of tensors of volumes lie. Images are volumes of depth 1.
#pragma once
#include "common.cuh"
#include "place.cuh"

// As the C# structure of that name.
struct PoolGeometry
{
    int64 planes;
    int in_depth, in_height, in_width;
    int out_depth, out_height, out_width;
    int window_depth, window_height, window_width;
    int stride_z, stride_y, stride_x;
    int padding_z, padding_y, padding_x;
};

// How many elements a block takes at a time.
constexpr int TILE = 1024;

// Places start, start + 1, ... before end.
struct Range
{
    int start, end;
};

// The places of a window that lie in the input, which starts at place start of it: padding takes no part.
__device__ inline Range places_inside(int start, int window, int inputs)
{
    return {max(0, -start), min(window, inputs - start)};
}

// The windows that cover an input; padded is its place in the padded input. Windows side by side or one place apart are
// frequent, and need fewer of the divisions, which take long.
__device__ inline Range windows_over(int padded, int window, int stride, int outputs)
{
    const int last = stride == 1 ? padded : padded / stride;
    const int before = padded - window;
    const int first = before < 0 ? 0 : window == stride ? last : (stride == 1 ? before : before / stride) + 1;
    return {first, min(outputs, last + 1)};
}

struct VolumePlace
{
    int64 plane;
    int z, y, x;
};

// The places of the elements of a tile in a tensor [planes, depth, height, width].
struct TilePlaces
{
    Place column, row, slice;
    int depth, height, width;

    __device__ TilePlaces(int64 first, int depth, int height, int width)
        : column(place_of(first, width)), row(place_of(column.row, height)), slice(place_of(row.row, depth)),
          depth(depth), height(height), width(width)
    {
    }

    __device__ VolumePlace at(int i) const
    {
        const Place x = place_after(column, i, width);
        const Place y = place_after(row, (int)(x.row - column.row), height);
        const Place z = depth == 1 ? Place{y.row, 0} : place_after(slice, (int)(y.row - row.row), depth);
        return {z.row, z.column, y.column, x.column};
    }
};

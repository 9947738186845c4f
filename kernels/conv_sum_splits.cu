#include "split_sums.cuh"

// conv_sum_splits: blockDim.x 256; a block per 32 of rows * columns elements.
// Reads partials[splits, rows, columns]. Writes grad_weight[rows, columns] or, where grad_bias is not null,
// grad_weight[rows, columns - 1] and grad_bias[rows] from the last column.
extern "C" __global__ void __launch_bounds__(SPLIT_SUM_THREADS) conv_sum_splits(
    const real* __restrict__ partials, int splits, int rows, int columns, real* __restrict__ grad_weight,
    real* __restrict__ grad_bias)
{
    const int weight_columns = grad_bias != nullptr ? columns - 1 : columns;
    sum_splits(partials, splits, (int64)rows * columns, [&](int64 element, real sum) {
        const int row = (int)quotient(element, columns), column = (int)(element - (int64)row * columns);
        if (column < weight_columns)
            grad_weight[(int64)row * weight_columns + column] = sum;
        else
            grad_bias[row] = sum;
    });
}

// conv_sum_images: any block and grid size of one dimension.
// Reads partials[splits, elements] and bias[channels], which may be null. Writes y[elements], channels by places in every
// image: the sum over the splits, in their order, plus the bias.
extern "C" __global__ void conv_sum_images(
    const real* __restrict__ partials, int splits, int64 elements, const real* __restrict__ bias, int channels, int places,
    real* __restrict__ y)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
    {
        const int64 plane = quotient(i, places);
        real sum = bias != nullptr ? bias[plane - quotient(plane, channels) * channels] : (real)0;
        for (int split = 0; split < splits; split++)
            sum += partials[split * elements + i];
        y[i] = sum;
    }
}

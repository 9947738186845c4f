#include "common.cuh"

constexpr int COLUMNS = 32;
constexpr int ROW_THREADS = 8;

// linear_add_bias: any block and grid size of one dimension.
// y[batch, features] += bias[features].
extern "C" __global__ void linear_add_bias(
    const real* __restrict__ bias, int64 elements, int features, real* __restrict__ y)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
        y[i] += bias[i % features];
}

// linear_backward_bias: blockDim.x 256; a block per 32 features.
// grad_bias[features] = the sums of grad_y[batch, features] over the batch: eight threads of a column take every eighth
// row, and their sums are added up in order.
extern "C" __global__ void __launch_bounds__(COLUMNS * ROW_THREADS) linear_backward_bias(
    const real* __restrict__ grad_y, int batch, int features, real* __restrict__ grad_bias)
{
    __shared__ real sums[ROW_THREADS][COLUMNS];
    const int column = threadIdx.x % COLUMNS, first_row = threadIdx.x / COLUMNS;
    const int feature = blockIdx.x * COLUMNS + column;
    real sum = 0;
    if (feature < features)
    {
        for (int row = first_row; row < batch; row += ROW_THREADS)
            sum += grad_y[(int64)row * features + feature];
    }

    sums[first_row][column] = sum;
    __syncthreads();
    if (first_row != 0 || feature >= features)
        return;
    for (int i = 1; i < ROW_THREADS; i++)
        sum += sums[i][column];
    grad_bias[feature] = sum;
}

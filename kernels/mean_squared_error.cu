#include "block_sum.cuh"
#include "common.cuh"
#include "last_block.cuh"

// mean_squared_error_forward: blockDim.x a power of two up to 256; any grid size of one dimension.
// loss = scale * the sum of (prediction - target)^2, added up in double. partials has room for a double per block; counter is
// zero before and after. Sums of blocks are merged by the block that finishes last, in the order of the blocks.
extern "C" __global__ void mean_squared_error_forward(
    const real* __restrict__ prediction, const real* __restrict__ target, int64 elements, double scale,
    real* __restrict__ loss, double* partials, unsigned* counter)
{
    double sum = 0;
    for (int64 i = global_thread(); i < elements; i += global_threads())
    {
        const real difference = prediction[i] - target[i];
        sum += difference * difference;
    }

    sum = sum_of_block(sum);
    if (threadIdx.x == 0)
        partials[blockIdx.x] = sum;
    if (!is_last_block(counter))
        return;

    sum = 0;
    for (int block = threadIdx.x; block < gridDim.x; block += blockDim.x)
        sum += partials[block];
    sum = sum_of_block(sum);
    if (threadIdx.x == 0)
        *loss = (real)(sum * scale);
}

// mean_squared_error_backward: any block and grid size of one dimension.
// grad_prediction = scale * (prediction - target); scale holds the 2 of the square's derivative.
extern "C" __global__ void mean_squared_error_backward(
    const real* __restrict__ prediction, const real* __restrict__ target, int64 elements, real scale,
    real* __restrict__ grad_prediction)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
        grad_prediction[i] = (prediction[i] - target[i]) * scale;
}

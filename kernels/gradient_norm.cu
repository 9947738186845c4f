#include "block_sum.cuh"
#include "common.cuh"
#include "tensor_list.cuh"

// As many as leave room for the other parameters in the 4 KB that every driver passes to a kernel.
constexpr int MAX_TENSORS = 190;

// As the C# structure of that name. Blocks first_chunk[i] to first_chunk[i + 1] - 1 have tensor i.
struct GradientTensors
{
    const real* gradient[MAX_TENSORS];
    int64 elements[MAX_TENSORS];
    unsigned first_chunk[MAX_TENSORS + 1];
};

// gradient_squares: blockDim.x a power of two up to 256; one block per chunk of 1,024 elements of a tensor:
// first_chunk[count] blocks. Writes the sum of the squares of each chunk, in double: the square of a float that is still a
// number may be none.
extern "C" __global__ void gradient_squares(GradientTensors tensors, int count, double* __restrict__ sums)
{
    const Chunk chunk = chunk_of_block(tensors.first_chunk, tensors.elements, count);
    const real* gradient = tensors.gradient[chunk.tensor] + chunk.first;
    double sum = 0;
    for (int i = threadIdx.x; i < chunk.elements; i += blockDim.x)
        sum += (double)gradient[i] * (double)gradient[i];
    sum = sum_of_block(sum);
    if (threadIdx.x == 0)
        sums[blockIdx.x] = sum;
}

// gradient_norm: one block; blockDim.x a power of two up to 256.
// norm is the root of the sum over sums[count], which are added in an order that depends on blockDim.x alone; scale is
// max_norm / (norm + 1e-6), at most 1. Where norm is NaN, so is scale.
extern "C" __global__ void gradient_norm(
    const double* __restrict__ sums, int64 count, double max_norm, double* __restrict__ norm,
    double* __restrict__ scale)
{
    double sum = 0;
    for (int64 i = threadIdx.x; i < count; i += blockDim.x)
        sum += sums[i];
    sum = sum_of_block(sum);
    if (threadIdx.x != 0)
        return;
    const double root = sqrt(sum);
    const double ratio = max_norm / (root + 1e-6);
    *norm = root;
    *scale = ratio > 1 ? 1 : ratio;
}

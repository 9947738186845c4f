#include "common.cuh"
#include "tensor_list.cuh"

// As many as leave room for the other parameters in the 4 KB that every driver passes to a kernel.
constexpr int MAX_TENSORS = 190;
constexpr int MAX_THREADS = 256;
constexpr int64 NONE = 0x7FFFFFFFFFFFFFFF;

// As the C# structure of that name. Blocks first_chunk[i] to first_chunk[i + 1] - 1 have tensor i.
struct FirstNonFiniteTensors
{
    const real* value[MAX_TENSORS];
    int64 elements[MAX_TENSORS];
    unsigned first_chunk[MAX_TENSORS + 1];
};

// The least index of all threads of the block; of use in thread 0 alone.
static __device__ inline int64 least_of_block(int64 index)
{
    __shared__ int64 of_thread[MAX_THREADS];
    of_thread[threadIdx.x] = index;
    for (int distance = blockDim.x / 2; distance > 0; distance /= 2)
    {
        __syncthreads();
        if (threadIdx.x < distance && of_thread[threadIdx.x + distance] < of_thread[threadIdx.x])
            of_thread[threadIdx.x] = of_thread[threadIdx.x + distance];
    }

    return threadIdx.x == 0 ? of_thread[0] : index;
}

// first_non_finite_of_chunks: blockDim.x a power of two up to 256; one block per chunk of 1,024 elements of a tensor:
// first_chunk[count] blocks. Writes for each chunk the index, in its tensor, of the first element that is NaN or infinite;
// NONE where all are finite.
extern "C" __global__ void first_non_finite_of_chunks(
    FirstNonFiniteTensors tensors, int count, int64* __restrict__ found)
{
    const Chunk chunk = chunk_of_block(tensors.first_chunk, tensors.elements, count);
    const real* value = tensors.value[chunk.tensor] + chunk.first;
    int64 first = NONE;
    for (int i = threadIdx.x; i < chunk.elements && first == NONE; i += blockDim.x)
    {
        if (!isfinite(value[i]))
            first = chunk.first + i;
    }

    first = least_of_block(first);
    if (threadIdx.x == 0)
        found[blockIdx.x] = first;
}

// first_non_finite_merge: blockDim.x a power of two up to 256; block i has tensor i, whose chunks are found[first_chunk[i]]
// to found[first_chunk[i + 1] - 1]. Writes the least to result[i], or -1 where it is NONE.
extern "C" __global__ void first_non_finite_merge(
    FirstNonFiniteTensors tensors, const int64* __restrict__ found, int64* __restrict__ result)
{
    int64 first = NONE;
    for (unsigned i = tensors.first_chunk[blockIdx.x] + threadIdx.x; i < tensors.first_chunk[blockIdx.x + 1]; i += blockDim.x)
        first = min(first, found[i]);
    first = least_of_block(first);
    if (threadIdx.x == 0)
        result[blockIdx.x] = first == NONE ? -1 : first;
}

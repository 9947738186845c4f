// Races, each beside its correct twin of the name ..._right. All kernels have the same parameters: in[n] is written,
// out[n] is fresh, counter is zero.

extern "C" __global__ void missing_barrier(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[64];
    const int i = threadIdx.x;
    tile[i] = in[i];
    out[i] = tile[(i + 1) % 64];
}

extern "C" __global__ void missing_barrier_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[64];
    const int i = threadIdx.x;
    tile[i] = in[i];
    __syncthreads();
    out[i] = tile[(i + 1) % 64];
}

// The tile is overwritten while others may still read it.
extern "C" __global__ void missing_second_barrier(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[64];
    const int i = threadIdx.x;
    float sum = 0;
    for (int k = 0; k < 4; k++)
    {
        tile[i] = in[i] * k;
        __syncthreads();
        sum += tile[63 - i];
    }

    out[i] = sum;
}

extern "C" __global__ void missing_second_barrier_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[64];
    const int i = threadIdx.x;
    float sum = 0;
    for (int k = 0; k < 4; k++)
    {
        tile[i] = in[i] * k;
        __syncthreads();
        sum += tile[63 - i];
        __syncthreads();
    }

    out[i] = sum;
}

// Many threads read the word before one overwrites it: the writer races with the first of them as with the last.
extern "C" __global__ void write_after_many_reads(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float first;
    const int i = threadIdx.x;
    if (i == 0)
        first = in[0];
    __syncthreads();
    out[i] = first;
    if (i == 63)
        first = in[1];
}

extern "C" __global__ void write_after_many_reads_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float first;
    const int i = threadIdx.x;
    if (i == 0)
        first = in[0];
    __syncthreads();
    out[i] = first;
    __syncthreads();
    if (i == 63)
        first = in[1];
}

extern "C" __global__ void lost_update(float* in, float* out, unsigned* counter, int n)
{
    *counter += 1;
}

extern "C" __global__ void lost_update_right(float* in, float* out, unsigned* counter, int n)
{
    atomicAdd(counter, 1u);
}

extern "C" __global__ void lost_update_of_blocks(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x == 0)
        *counter += 1;
}

extern "C" __global__ void lost_update_of_blocks_right(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x == 0)
        atomicAdd(counter, 1u);
}

// An atomic update does not protect from a plain read.
extern "C" __global__ void plain_read_of_atomic(float* in, float* out, unsigned* counter, int n)
{
    atomicAdd(counter, 1u);
    out[blockIdx.x * blockDim.x + threadIdx.x] = (float)*counter;
}

extern "C" __global__ void plain_read_of_atomic_right(float* in, float* out, unsigned* counter, int n)
{
    out[blockIdx.x * blockDim.x + threadIdx.x] = (float)(atomicAdd(counter, 1u) * 0);
}

// Two blocks write neighbouring elements, but for one that both write.
extern "C" __global__ void overlapping_blocks(float* in, float* out, unsigned* counter, int n)
{
    out[blockIdx.x * (blockDim.x - 1) + threadIdx.x] = in[threadIdx.x];
}

extern "C" __global__ void overlapping_blocks_right(float* in, float* out, unsigned* counter, int n)
{
    out[blockIdx.x * blockDim.x + threadIdx.x] = in[threadIdx.x];
}

// Right on a GPU before Volta, where the lanes of a warp moved together.
extern "C" __global__ void missing_warp_barrier(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    tile[i] = in[i];
    for (int distance = 16; distance > 0; distance /= 2)
    {
        if (i < distance)
            tile[i] += tile[i + distance];
    }

    out[i] = tile[i];
}

extern "C" __global__ void missing_warp_barrier_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    tile[i] = in[i];
    for (int distance = 16; distance > 0; distance /= 2)
    {
        __syncwarp();
        if (i < distance)
            tile[i] += tile[i + distance];
    }

    out[i] = tile[i];
}

// A barrier of a warp does not order the other warp of the block.
extern "C" __global__ void warp_barrier_for_block(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[64];
    const int i = threadIdx.x;
    tile[i] = in[i];
    __syncwarp();
    out[i] = tile[63 - i];
}

extern "C" __global__ void warp_barrier_for_block_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[64];
    const int i = threadIdx.x;
    tile[i] = in[i];
    __syncwarp();
    out[i] = tile[i ^ 31];
}

// A shuffle orders the memory of the lanes that take part.
extern "C" __global__ void shuffle_of_other_half_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    tile[i] = in[i];
    const float other = __shfl_xor_sync(0xffffffffu, in[i], 1);
    out[i] = tile[i ^ 1] - other;
}

// Lanes of the lower half order memory among themselves alone.
extern "C" __global__ void shuffle_of_other_half(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    tile[i] = in[i];
    const unsigned half = i < 16 ? 0x0000ffffu : 0xffff0000u;
    const float other = __shfl_xor_sync(half, in[i], 1);
    out[i] = tile[i ^ 16] - other;
}

// The block that finishes last adds up what the others have left.
extern "C" __global__ void last_block_without_fence(float* in, float* out, unsigned* counter, int n)
{
    __shared__ bool is_last;
    const int i = threadIdx.x;
    out[blockIdx.x * blockDim.x + i] = in[i];
    __syncthreads();
    if (i == 0)
        is_last = atomicAdd(counter, 1u) == gridDim.x - 1;
    __syncthreads();
    if (is_last && i == 0)
    {
        float sum = 0;
        for (int k = 0; k < gridDim.x * blockDim.x; k++)
            sum += out[k];
        in[n - 1] = sum;
    }
}

extern "C" __global__ void last_block_without_fence_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ bool is_last;
    const int i = threadIdx.x;
    out[blockIdx.x * blockDim.x + i] = in[i];
    __syncthreads();
    if (i == 0)
    {
        __threadfence();
        is_last = atomicAdd(counter, 1u) == gridDim.x - 1;
        __threadfence();
    }

    __syncthreads();
    if (is_last && i == 0)
    {
        float sum = 0;
        for (int k = 0; k < gridDim.x * blockDim.x; k++)
            sum += out[k];
        in[n - 1] = sum;
    }
}

// The fence of the writing threads, before the barrier, serves as well: the form of this project's own kernels.
extern "C" __global__ void last_block_all_threads_fence_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ bool is_last;
    const int i = threadIdx.x;
    out[blockIdx.x * blockDim.x + i] = in[i];
    __threadfence();
    __syncthreads();
    if (i == 0)
        is_last = atomicInc(counter, gridDim.x - 1) == gridDim.x - 1;
    __syncthreads();
    __threadfence();
    if (is_last)
    {
        float sum = 0;
        for (int k = i; k < gridDim.x * blockDim.x; k += blockDim.x)
            sum += out[k];
        in[i] = sum;
    }
}

// The counter is set back for the next launch, but by every block.
extern "C" __global__ void counter_set_back_by_all(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x == 0)
    {
        __threadfence();
        atomicAdd(counter, 1u);
        __threadfence();
        *counter = 0;
    }
}

// The last one may use a plain write: all atomic operations on the counter came before its own.
extern "C" __global__ void counter_set_back_by_all_right(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x == 0)
    {
        __threadfence();
        const bool is_last = atomicAdd(counter, 1u) == gridDim.x - 1;
        __threadfence();
        if (is_last)
            *counter = 0;
    }
}

// A fence of the block orders nothing for other blocks.
extern "C" __global__ void block_fence_for_grid(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < 32)
        out[blockIdx.x * 32 + i] = in[i];
    __syncthreads();
    if (i == 0)
    {
        __threadfence_block();
        const bool is_last = atomicAdd(counter, 1u) == gridDim.x - 1;
        __threadfence_block();
        if (is_last)
            in[n - 1] = out[0] + out[32];
    }
}

// For threads of one block it is enough: what comes before one's fence and atomic operation is there for another who
// has seen it and fences too.
extern "C" __global__ void block_fence_for_grid_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ unsigned ready;
    __shared__ float value;
    const int i = threadIdx.x;
    if (i == 0)
        ready = 0;
    __syncthreads();
    if (i == 0)
    {
        value = in[1];
        __threadfence_block();
        atomicExch(&ready, 1u);
    }

    if (i == 40 && atomicAdd(&ready, 0u) == 1)
    {
        __threadfence_block();
        out[blockIdx.x] = value;
    }
}

// What block 0 publishes on one variable, a middle block hands on with another.
extern "C" __global__ void handed_on(float* in, float* out, unsigned* counter, int n)
{
    const unsigned block = blockIdx.x;
    if (threadIdx.x != 0)
        return;
    if (block == 0)
    {
        out[0] = in[0];
        __threadfence();
        atomicExch(&counter[0], 1u);
    }
    else if (block == 1 && atomicAdd(&counter[0], 0u) == 1)
    {
        atomicExch((unsigned*)&in[2], 1u);
    }
    else if (block == 2 && atomicAdd((unsigned*)&in[2], 0u) == 1)
    {
        __threadfence();
        out[1] = out[0];
    }
}

extern "C" __global__ void handed_on_right(float* in, float* out, unsigned* counter, int n)
{
    const unsigned block = blockIdx.x;
    if (threadIdx.x != 0)
        return;
    if (block == 0)
    {
        out[0] = in[0];
        __threadfence();
        atomicExch(&counter[0], 1u);
    }
    else if (block == 1 && atomicAdd(&counter[0], 0u) == 1)
    {
        __threadfence();
        atomicExch((unsigned*)&in[2], 1u);
    }
    else if (block == 2 && atomicAdd((unsigned*)&in[2], 0u) == 1)
    {
        __threadfence();
        out[1] = out[0];
    }
}

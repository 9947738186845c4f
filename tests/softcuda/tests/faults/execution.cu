// Faults of control flow and arithmetic, each beside its correct twin of the name ..._right. All kernels have the same
// parameters: in[n] is written, out[n] is fresh, counter is zero.

extern "C" __global__ void two_barriers(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < 32)
    {
        out[i] = 1;
        __syncthreads();
    }
    else
    {
        __syncthreads();
        out[i] = 2;
    }
}

extern "C" __global__ void two_barriers_right(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    out[i] = i < 32 ? 1 : 2;
    __syncthreads();
}

extern "C" __global__ void exit_before_barrier(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i >= 60)
        return;
    out[i] = in[i];
    __syncthreads();
}

extern "C" __global__ void exit_before_barrier_right(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < 60)
        out[i] = in[i];
    __syncthreads();
}

// Half of the warp waits for the other half, which waits at a barrier for the first.
extern "C" __global__ void deadlock(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < 16)
        out[i] = __shfl_xor_sync(0xffffffffu, in[i], 1);
    else
        __syncthreads();
}

extern "C" __global__ void deadlock_right(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < 16)
        out[i] = __shfl_xor_sync(0x0000ffffu, in[i], 1);
    __syncthreads();
}

extern "C" __global__ void lane_outside_its_mask(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    out[i] = __shfl_sync(0x0000ffffu, in[i], 0);
}

extern "C" __global__ void lane_outside_its_mask_right(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < 16)
        out[i] = __shfl_sync(0x0000ffffu, in[i], 0);
}

extern "C" __global__ void shuffle_from_absent_lane(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < 16)
        out[i] = __shfl_xor_sync(0x0000ffffu, in[i], 16);
}

extern "C" __global__ void shuffle_from_absent_lane_right(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < 16)
        out[i] = __shfl_xor_sync(0x0000ffffu, in[i], 8);
}

extern "C" __global__ void failed_assertion(float* in, float* out, unsigned* counter, int n)
{
    assert(n < 5);
}

extern "C" __global__ void failed_assertion_right(float* in, float* out, unsigned* counter, int n)
{
    assert(n >= 5);
}

extern "C" __global__ void trap(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x == 3)
        __trap();
}

extern "C" __global__ void trap_right(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x > blockDim.x)
        __trap();
}

extern "C" __global__ void division_by_zero(float* in, float* out, unsigned* counter, int n)
{
    out[threadIdx.x] = (float)(n / (int)threadIdx.x);
}

extern "C" __global__ void division_by_zero_right(float* in, float* out, unsigned* counter, int n)
{
    out[threadIdx.x] = (float)(n / (int)(threadIdx.x + 1));
}

extern "C" __global__ void shift_by_width(float* in, float* out, unsigned* counter, int n)
{
    out[threadIdx.x] = (float)(n << threadIdx.x);
}

extern "C" __global__ void shift_by_width_right(float* in, float* out, unsigned* counter, int n)
{
    out[threadIdx.x] = (float)(n << (threadIdx.x & 7));
}

// The first index is out of its dimension, though the address lies within the array.
extern "C" __global__ void index_past_row(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[4][16];
    const int i = threadIdx.x;
    tile[i / 16][i % 16] = in[i];
    __syncthreads();
    out[i] = tile[0][i];
}

extern "C" __global__ void index_past_row_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[4][16];
    const int i = threadIdx.x;
    tile[i / 16][i % 16] = in[i];
    __syncthreads();
    out[i] = tile[i / 16][i % 16];
}

extern "C" __global__ void endless_loop(float* in, float* out, unsigned* counter, int n)
{
    volatile unsigned* flag = counter;
    while (*flag == 0)
    {
    }
}

extern "C" __global__ void endless_loop_right(float* in, float* out, unsigned* counter, int n)
{
    volatile unsigned* flag = counter;
    while (*flag != 0)
    {
    }
}

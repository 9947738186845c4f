// Faults of memory access, each beside its correct twin of the name ..._right. All kernels have the same parameters:
// in[n] is written, out[n] is fresh, counter is zero.

extern "C" __global__ void write_past_end(float* in, float* out, unsigned* counter, int n)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i <= n)
        out[i] = in[0];
}

extern "C" __global__ void write_past_end_right(float* in, float* out, unsigned* counter, int n)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        out[i] = in[0];
}

extern "C" __global__ void read_past_end(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < n)
        out[i] = in[i] + in[i + 1];
}

extern "C" __global__ void read_past_end_right(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    if (i < n)
        out[i] = in[i] + (i + 1 < n ? in[i + 1] : 0);
}

// One byte behind the last element.
extern "C" __global__ void write_one_byte_past_end(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x == 0)
        ((char*)out)[n * 4] = 1;
}

extern "C" __global__ void write_one_byte_past_end_right(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x == 0)
        ((char*)out)[n * 4 - 1] = 1;
}

extern "C" __global__ void write_before_start(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x == 0)
        out[-1] = in[0];
}

extern "C" __global__ void write_before_start_right(float* in, float* out, unsigned* counter, int n)
{
    if (threadIdx.x == 0)
        out[0] = in[0];
}

extern "C" __global__ void write_null(float* in, float* out, unsigned* counter, int n)
{
    float* target = n > 0 ? nullptr : out;
    target[threadIdx.x] = 1;
}

extern "C" __global__ void write_null_right(float* in, float* out, unsigned* counter, int n)
{
    float* target = n > 0 ? out : nullptr;
    target[threadIdx.x] = 1;
}

extern "C" __global__ void misaligned_vector(float* in, float* out, unsigned* counter, int n)
{
    const float4 v = *(const float4*)(in + 1);
    out[threadIdx.x] = v.x + v.y + v.z + v.w;
}

extern "C" __global__ void misaligned_vector_right(float* in, float* out, unsigned* counter, int n)
{
    const float4 v = *(const float4*)(in + 4);
    out[threadIdx.x] = v.x + v.y + v.z + v.w;
}

extern "C" __global__ void misaligned_scalar(float* in, float* out, unsigned* counter, int n)
{
    out[threadIdx.x] = *(const float*)((const char*)in + 2);
}

extern "C" __global__ void misaligned_scalar_right(float* in, float* out, unsigned* counter, int n)
{
    out[threadIdx.x] = *(const float*)((const char*)in + 4);
}

extern "C" __global__ void read_fresh_memory(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    in[i] = out[i] + 1;
}

extern "C" __global__ void read_fresh_memory_right(float* in, float* out, unsigned* counter, int n)
{
    const int i = threadIdx.x;
    out[i] = 0;
    in[i] = out[i] + 1;
}

extern "C" __global__ void read_fresh_shared(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    if (i < 31)
        tile[i] = in[i];
    __syncthreads();
    out[i] = tile[31 - i];
}

extern "C" __global__ void read_fresh_shared_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    tile[i] = in[i];
    __syncthreads();
    out[i] = tile[31 - i];
}

extern "C" __global__ void read_fresh_dynamic_shared(float* in, float* out, unsigned* counter, int n)
{
    extern __shared__ float tile[];
    const int i = threadIdx.x;
    if (i > 0)
        tile[i] = in[i];
    __syncthreads();
    out[i] = tile[31 - i];
}

extern "C" __global__ void read_fresh_dynamic_shared_right(float* in, float* out, unsigned* counter, int n)
{
    extern __shared__ __align__(16) float tile[];
    const int i = threadIdx.x;
    tile[i] = in[i];
    __syncthreads();
    out[i] = tile[31 - i];
}

// The second of two blocks must not see what the first has left in shared memory.
extern "C" __global__ void read_shared_of_other_block(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    if (blockIdx.x == 0)
        tile[i] = in[i];
    __syncthreads();
    out[blockIdx.x * 32 + i] = tile[31 - i];
}

extern "C" __global__ void read_shared_of_other_block_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    tile[i] = in[i];
    __syncthreads();
    out[blockIdx.x * 32 + i] = tile[31 - i];
}

// The index leaves the row but not the array, and then the array: only the second is a fault of memory.
extern "C" __global__ void index_past_shared_array(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    tile[i] = in[i];
    __syncthreads();
    out[i] = tile[i + n - 31];
}

extern "C" __global__ void index_past_shared_array_right(float* in, float* out, unsigned* counter, int n)
{
    __shared__ float tile[32];
    const int i = threadIdx.x;
    tile[i] = in[i];
    __syncthreads();
    out[i] = tile[(i + n - 31) % 32];
}

extern "C" __global__ void index_past_dynamic_shared(float* in, float* out, unsigned* counter, int n)
{
    extern __shared__ float tile[];
    const int i = threadIdx.x;
    tile[i + 1] = in[i];
    __syncthreads();
    out[i] = tile[i + 1];
}

extern "C" __global__ void index_past_dynamic_shared_right(float* in, float* out, unsigned* counter, int n)
{
    extern __shared__ float tile[];
    const int i = threadIdx.x;
    tile[i] = in[i];
    __syncthreads();
    out[i] = tile[i];
}

// in is freed before the launch.
extern "C" __global__ void use_after_free(float* in, float* out, unsigned* counter, int n)
{
    out[threadIdx.x] = in[threadIdx.x];
}

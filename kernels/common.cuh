// What every kernel starts from. REAL, the element type, is float or double and set by the compile options.
#pragma once

typedef REAL real;
typedef long long int64;

// This thread's number in a grid of one dimension, which may pass 2^31.
__device__ inline int64 global_thread()
{
    return (int64)blockIdx.x * blockDim.x + threadIdx.x;
}

// How far apart the elements are that a thread visits when a grid walks over more elements than it has threads.
__device__ inline int64 global_threads()
{
    return (int64)gridDim.x * blockDim.x;
}

__device__ constexpr int64 ceil_div(int64 dividend, int64 divisor)
{
    return (dividend + divisor - 1) / divisor;
}

// dividend / divisor of numbers that are not negative. Dividing 64 bits takes a GPU about a hundred instructions, and numbers
// that need them are rare.
__device__ inline int64 quotient(int64 dividend, int divisor)
{
    return dividend >> 32 == 0 ? (int64)((unsigned)dividend / (unsigned)divisor) : dividend / divisor;
}

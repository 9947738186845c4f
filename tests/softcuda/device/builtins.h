// The words and built-in variables of CUDA C. __global__, __launch_bounds__ and __shared__ are not defined here: the
// compiler's pass over the preprocessed source gives them their meaning.
#pragma once
#include "abi.h"

#define SOFTCUDA 1
#define __CUDACC__ 1
#define __CUDACC_RTC__ 1
#define __NVCC__ 1

#define __device__
#define __host__
#define __constant__
#define __managed__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __builtin_assume(condition) ((void)0)

// What the shim does of its own accord is no access of the kernel.
#if SOFTCUDA_CHECKED
#define SOFTCUDA_UNCHECKED __attribute__((no_sanitize("thread", "undefined")))
#else
#define SOFTCUDA_UNCHECKED
#endif

typedef unsigned long size_t;
typedef long ptrdiff_t;
typedef long clock_t;
typedef __builtin_va_list va_list;

extern "C"
{
static thread_local softcuda::BlockState softcuda_block_state;
}

namespace softcuda
{
static const Runtime* runtime;

#if SOFTCUDA_CHECKED
// The checker is not told of what assembly reads.
SOFTCUDA_UNCHECKED static inline unsigned unchecked_load(const unsigned& source)
{
    unsigned value;
    asm("movl %1, %0" : "=r"(value) : "m"(source));
    return value;
}

#define SOFTCUDA_INDEX(field) \
    (uint3{softcuda::unchecked_load(softcuda_block_state.field.x), softcuda::unchecked_load(softcuda_block_state.field.y), \
           softcuda::unchecked_load(softcuda_block_state.field.z)})
#else
#define SOFTCUDA_INDEX(field) (softcuda_block_state.field)
#endif

SOFTCUDA_UNCHECKED static inline void* dynamic_shared()
{
    return softcuda_block_state.dynamic_shared;
}

// `extern __shared__ T name[];` outside a function, where there is no block yet whose memory a pointer could hold.
template <class T>
struct DynamicShared
{
    operator T*() const
    {
        return static_cast<T*>(dynamic_shared());
    }
};
}

#define threadIdx SOFTCUDA_INDEX(thread_index)
#define blockIdx SOFTCUDA_INDEX(block_index)
#define blockDim SOFTCUDA_INDEX(block_dim)
#define gridDim SOFTCUDA_INDEX(grid_dim)
#define warpSize 32

struct dim3
{
    unsigned x, y, z;

    constexpr dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1) : x(width), y(height), z(depth)
    {
    }

    constexpr dim3(uint3 size) : x(size.x), y(size.y), z(size.z)
    {
    }
};

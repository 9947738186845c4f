// CUDA C as NVRTC offers it without any header, for clang without a CUDA SDK. Clang brings the built-in variables, the
// device functions and the intrinsics itself, in headers that expect what stands here before them.
#pragma once

#define __host__ __attribute__((host))
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __CUDACC_RTC__ 1
#define __NVCC__ 1

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef long clock_t;

#define VECTOR(T, base, align2, align4) \
    struct base##1 { T x; }; \
    struct alignas(align2) base##2 { T x, y; }; \
    struct base##3 { T x, y, z; }; \
    struct alignas(align4) base##4 { T x, y, z, w; }; \
    static __device__ inline base##1 make_##base##1(T x) { return base##1{x}; } \
    static __device__ inline base##2 make_##base##2(T x, T y) { return base##2{x, y}; } \
    static __device__ inline base##3 make_##base##3(T x, T y, T z) { return base##3{x, y, z}; } \
    static __device__ inline base##4 make_##base##4(T x, T y, T z, T w) { return base##4{x, y, z, w}; }

VECTOR(char, char, 2, 4)
VECTOR(signed char, schar, 2, 4)
VECTOR(unsigned char, uchar, 2, 4)
VECTOR(short, short, 4, 8)
VECTOR(unsigned short, ushort, 4, 8)
VECTOR(int, int, 8, 16)
VECTOR(unsigned, uint, 8, 16)
VECTOR(long, long, 16, 16)
VECTOR(unsigned long, ulong, 16, 16)
VECTOR(long long, longlong, 16, 16)
VECTOR(unsigned long long, ulonglong, 16, 16)
VECTOR(float, float, 8, 16)
VECTOR(double, double, 16, 16)

struct dim3
{
    unsigned x, y, z;

    __host__ __device__ constexpr dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1) :
        x(width), y(height), z(depth)
    {
    }

    __host__ __device__ constexpr dim3(uint3 size) : x(size.x), y(size.y), z(size.z)
    {
    }

    __host__ __device__ constexpr operator uint3() const
    {
        return uint3{x, y, z};
    }
};

extern "C" __device__ int vprintf(const char*, const char*);
extern "C" __device__ int printf(const char*, ...);
extern "C" __device__ void __assertfail(
    const char* message, const char* file, unsigned line, const char* function, size_t size);
#define assert(condition) ((condition) ? (void)0 : __assertfail(#condition, __FILE__, __LINE__, __func__, 1))

// What clang's headers expect of the SDK that they would sit on. NVRTC does not define these constants, and so they go
// again.
#define CUDA_VERSION 12000
#define __CUDA_VERSION__ 12000
#define INT_MAX __INT_MAX__
#define INT_MIN (-__INT_MAX__ - 1)
#define HUGE_VAL __builtin_huge_val()
#define HUGE_VALF __builtin_huge_valf()
typedef unsigned cuuint32_t;

static __device__ inline unsigned __isShared(const void* address)
{
    return __nvvm_isspacep_shared(address);
}

static __device__ inline size_t __cvta_generic_to_shared(const void* address)
{
    return (size_t)(__attribute__((address_space(3))) const void*)address;
}

#include <__clang_cuda_builtin_vars.h>
#include <__clang_cuda_libdevice_declares.h>
#include <__clang_cuda_device_functions.h>
#include <__clang_cuda_intrinsics.h>
#include <__clang_cuda_math.h>

#undef INT_MAX
#undef INT_MIN
#undef HUGE_VAL
#undef HUGE_VALF
#undef CUDA_VERSION
#undef __CUDA_VERSION__

// The overloads for float, and those of min and max.
#define FLOAT_OVERLOAD(name) \
    static __device__ inline float name(float x) \
    { \
        return name##f(x); \
    }

FLOAT_OVERLOAD(sqrt)
FLOAT_OVERLOAD(rsqrt)
FLOAT_OVERLOAD(cbrt)
FLOAT_OVERLOAD(exp)
FLOAT_OVERLOAD(exp2)
FLOAT_OVERLOAD(expm1)
FLOAT_OVERLOAD(log)
FLOAT_OVERLOAD(log2)
FLOAT_OVERLOAD(log10)
FLOAT_OVERLOAD(log1p)
FLOAT_OVERLOAD(sin)
FLOAT_OVERLOAD(cos)
FLOAT_OVERLOAD(tan)
FLOAT_OVERLOAD(tanh)
FLOAT_OVERLOAD(erf)
FLOAT_OVERLOAD(erfc)
FLOAT_OVERLOAD(fabs)
FLOAT_OVERLOAD(floor)
FLOAT_OVERLOAD(ceil)
FLOAT_OVERLOAD(trunc)
FLOAT_OVERLOAD(round)
FLOAT_OVERLOAD(rint)

#define FLOAT_OVERLOAD_OF_2(name) \
    static __device__ inline float name(float x, float y) \
    { \
        return name##f(x, y); \
    }

FLOAT_OVERLOAD_OF_2(pow)
FLOAT_OVERLOAD_OF_2(fmod)
FLOAT_OVERLOAD_OF_2(fmax)
FLOAT_OVERLOAD_OF_2(fmin)
FLOAT_OVERLOAD_OF_2(copysign)

static __device__ inline float fma(float a, float b, float c)
{
    return fmaf(a, b, c);
}

static __device__ inline bool isnan(float x) { return __builtin_isnan(x); }
static __device__ inline bool isnan(double x) { return __builtin_isnan(x); }
static __device__ inline bool isinf(float x) { return __builtin_isinf(x); }
static __device__ inline bool isinf(double x) { return __builtin_isinf(x); }
static __device__ inline bool isfinite(float x) { return __builtin_isfinite(x); }
static __device__ inline bool isfinite(double x) { return __builtin_isfinite(x); }
static __device__ inline float max(float a, float b) { return fmaxf(a, b); }
static __device__ inline float min(float a, float b) { return fminf(a, b); }
static __device__ inline double max(double a, double b) { return fmax(a, b); }
static __device__ inline double min(double a, double b) { return fmin(a, b); }

#define INTEGER_EXTREMES(T) \
    static __device__ inline constexpr T max(T a, T b) \
    { \
        return a > b ? a : b; \
    } \
    static __device__ inline constexpr T min(T a, T b) \
    { \
        return a < b ? a : b; \
    }

INTEGER_EXTREMES(unsigned)
INTEGER_EXTREMES(long)
INTEGER_EXTREMES(unsigned long)
INTEGER_EXTREMES(long long)
INTEGER_EXTREMES(unsigned long long)

// Atomic operations, as far as this project's kernels may use them.
#define ATOMIC_INTEGER(T) \
    static __device__ inline T atomicAdd(T* address, T value) \
    { \
        return __atomic_fetch_add(address, value, __ATOMIC_RELAXED); \
    } \
    static __device__ inline T atomicExch(T* address, T value) \
    { \
        return __atomic_exchange_n(address, value, __ATOMIC_RELAXED); \
    } \
    static __device__ inline T atomicMin(T* address, T value) \
    { \
        return __atomic_fetch_min(address, value, __ATOMIC_RELAXED); \
    } \
    static __device__ inline T atomicMax(T* address, T value) \
    { \
        return __atomic_fetch_max(address, value, __ATOMIC_RELAXED); \
    } \
    static __device__ inline T atomicAnd(T* address, T value) \
    { \
        return __atomic_fetch_and(address, value, __ATOMIC_RELAXED); \
    } \
    static __device__ inline T atomicOr(T* address, T value) \
    { \
        return __atomic_fetch_or(address, value, __ATOMIC_RELAXED); \
    } \
    static __device__ inline T atomicCAS(T* address, T compare, T value) \
    { \
        __atomic_compare_exchange_n(address, &compare, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED); \
        return compare; \
    }

ATOMIC_INTEGER(int)
ATOMIC_INTEGER(unsigned)
ATOMIC_INTEGER(unsigned long long)

static __device__ inline int atomicSub(int* address, int value) { return atomicAdd(address, -value); }
static __device__ inline unsigned atomicSub(unsigned* address, unsigned value) { return atomicAdd(address, 0u - value); }
static __device__ inline unsigned atomicInc(unsigned* address, unsigned bound) { return __nvvm_atom_inc_gen_ui(address, bound); }
static __device__ inline unsigned atomicDec(unsigned* address, unsigned bound) { return __nvvm_atom_dec_gen_ui(address, bound); }
static __device__ inline float atomicAdd(float* address, float value) { return __nvvm_atom_add_gen_f(address, value); }
static __device__ inline double atomicAdd(double* address, double value) { return __nvvm_atom_add_gen_d(address, value); }

// Bit casts, integer intrinsics, and operations with a given rounding, which the compiler must not contract.
#pragma once
#include "builtins.h"

namespace softcuda
{
template <class To, class From>
SOFTCUDA_UNCHECKED static inline To bits_as(From from)
{
    static_assert(sizeof(To) == sizeof(From), "a bit cast keeps the size");
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}

// A rounded value: what stands here is not fused with what is done to it afterwards.
template <class T>
static inline __attribute__((always_inline)) T rounded(T value)
{
    asm("" : "+x"(value));
    return value;
}
}

static inline int __float_as_int(float value) { return softcuda::bits_as<int>(value); }
static inline unsigned __float_as_uint(float value) { return softcuda::bits_as<unsigned>(value); }
static inline float __int_as_float(int value) { return softcuda::bits_as<float>(value); }
static inline float __uint_as_float(unsigned value) { return softcuda::bits_as<float>(value); }
static inline long long __double_as_longlong(double value) { return softcuda::bits_as<long long>(value); }
static inline double __longlong_as_double(long long value) { return softcuda::bits_as<double>(value); }

static inline int __double2hiint(double value)
{
    return (int)(softcuda::bits_as<unsigned long long>(value) >> 32);
}

static inline int __double2loint(double value)
{
    return (int)softcuda::bits_as<unsigned long long>(value);
}

static inline double __hiloint2double(int high, int low)
{
    return softcuda::bits_as<double>((unsigned long long)(unsigned)high << 32 | (unsigned)low);
}

#define SOFTCUDA_ROUNDED(T, letter) \
    static inline T __##letter##add_rn(T a, T b) { return softcuda::rounded(a + b); } \
    static inline T __##letter##sub_rn(T a, T b) { return softcuda::rounded(a - b); } \
    static inline T __##letter##mul_rn(T a, T b) { return softcuda::rounded(a * b); } \
    static inline T __##letter##div_rn(T a, T b) { return softcuda::rounded(a / b); }

SOFTCUDA_ROUNDED(float, f)
SOFTCUDA_ROUNDED(double, d)

static inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
static inline float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
static inline double __dsqrt_rn(double a) { return __builtin_sqrt(a); }
static inline float __frcp_rn(float a) { return softcuda::rounded(1.0f / a); }
static inline double __drcp_rn(double a) { return softcuda::rounded(1.0 / a); }
static inline float __frsqrt_rn(float a) { return (float)(1.0 / __builtin_sqrt((double)a)); }
static inline float __fdividef(float a, float b) { return a / b; }

// Conversions. Out of range values stop at the nearest end of the range and NaN becomes 0, as on a GPU.
namespace softcuda
{
template <class To, class From>
static inline To saturated(From value, To low, To high)
{
    if (value != value)
        return 0;
    if (value <= (From)low)
        return low;
    if (value >= (From)high)
        return high;
    return (To)value;
}

constexpr int int_high = 0x7fffffff;
constexpr int int_low = -int_high - 1;
constexpr long long longlong_high = 0x7fffffffffffffffll;
constexpr long long longlong_low = -longlong_high - 1;
}

#define SOFTCUDA_FLOAT_TO_INTEGER(From, from, mode, round) \
    static inline int __##from##2int_##mode(From value) \
    { \
        return softcuda::saturated<int>(round(value), softcuda::int_low, softcuda::int_high); \
    } \
    static inline unsigned __##from##2uint_##mode(From value) \
    { \
        return softcuda::saturated<unsigned>(round(value), 0u, 0xffffffffu); \
    } \
    static inline long long __##from##2ll_##mode(From value) \
    { \
        return softcuda::saturated<long long>(round(value), softcuda::longlong_low, softcuda::longlong_high); \
    } \
    static inline unsigned long long __##from##2ull_##mode(From value) \
    { \
        return softcuda::saturated<unsigned long long>(round(value), 0ull, ~0ull); \
    }

SOFTCUDA_FLOAT_TO_INTEGER(float, float, rn, __builtin_rintf)
SOFTCUDA_FLOAT_TO_INTEGER(float, float, rz, __builtin_truncf)
SOFTCUDA_FLOAT_TO_INTEGER(float, float, rd, __builtin_floorf)
SOFTCUDA_FLOAT_TO_INTEGER(float, float, ru, __builtin_ceilf)
SOFTCUDA_FLOAT_TO_INTEGER(double, double, rn, __builtin_rint)
SOFTCUDA_FLOAT_TO_INTEGER(double, double, rz, __builtin_trunc)
SOFTCUDA_FLOAT_TO_INTEGER(double, double, rd, __builtin_floor)
SOFTCUDA_FLOAT_TO_INTEGER(double, double, ru, __builtin_ceil)

static inline float __double2float_rn(double value) { return (float)value; }
static inline float __int2float_rn(int value) { return (float)value; }
static inline float __uint2float_rn(unsigned value) { return (float)value; }
static inline float __ll2float_rn(long long value) { return (float)value; }
static inline float __ull2float_rn(unsigned long long value) { return (float)value; }
static inline double __int2double_rn(int value) { return value; }
static inline double __uint2double_rn(unsigned value) { return value; }
static inline double __ll2double_rn(long long value) { return (double)value; }
static inline double __ull2double_rn(unsigned long long value) { return (double)value; }

static inline int __popc(unsigned value) { return __builtin_popcount(value); }
static inline int __popcll(unsigned long long value) { return __builtin_popcountll(value); }
static inline int __clz(int value) { return value != 0 ? __builtin_clz((unsigned)value) : 32; }
static inline int __clzll(long long value) { return value != 0 ? __builtin_clzll((unsigned long long)value) : 64; }
static inline int __ffs(int value) { return __builtin_ffs(value); }
static inline int __ffsll(long long value) { return __builtin_ffsll(value); }

static inline unsigned __brev(unsigned value)
{
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; bit++)
        reversed |= (value >> bit & 1u) << (31 - bit);
    return reversed;
}

static inline unsigned __byte_perm(unsigned low, unsigned high, unsigned selector)
{
    const unsigned long long bytes = (unsigned long long)high << 32 | low;
    unsigned result = 0;
    for (int i = 0; i < 4; i++)
        result |= (unsigned)(bytes >> (8 * (selector >> (4 * i) & 7)) & 0xff) << (8 * i);
    return result;
}

static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift)
{
    const unsigned long long both = (unsigned long long)high << 32 | low;
    return (unsigned)(both << (shift & 31) >> 32);
}

static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift)
{
    const unsigned long long both = (unsigned long long)high << 32 | low;
    return (unsigned)(both >> (shift & 31));
}

static inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
static inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }

static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}

static inline int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
static inline unsigned __sad(int a, int b, unsigned c) { return c + (unsigned)(a < b ? b - a : a - b); }
static inline int __dp4a(int a, int b, int c)
{
    for (int i = 0; i < 4; i++)
        c += (signed char)(a >> (8 * i)) * (signed char)(b >> (8 * i));
    return c;
}

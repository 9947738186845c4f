// The mathematics functions, as overloads for float and double, and the f-suffixed names.
#pragma once
#include "intrinsics.h"

#define SOFTCUDA_MATH_OF_1(name) \
    static inline float name(float x) { return __builtin_##name##f(x); } \
    static inline double name(double x) { return __builtin_##name(x); } \
    static inline float name##f(float x) { return __builtin_##name##f(x); } \
    SOFTCUDA_MATH_OF_INTEGERS(name)

// An integer argument is taken as a double, as in C++.
#define SOFTCUDA_MATH_OF_INTEGERS(name) \
    static inline double name(int x) { return __builtin_##name(x); } \
    static inline double name(unsigned x) { return __builtin_##name(x); } \
    static inline double name(long long x) { return __builtin_##name((double)x); }

#define SOFTCUDA_MATH_OF_2(name) \
    static inline float name(float x, float y) { return __builtin_##name##f(x, y); } \
    static inline double name(double x, double y) { return __builtin_##name(x, y); } \
    static inline double name(float x, double y) { return __builtin_##name(x, y); } \
    static inline double name(double x, float y) { return __builtin_##name(x, y); } \
    static inline float name##f(float x, float y) { return __builtin_##name##f(x, y); }

SOFTCUDA_MATH_OF_1(sqrt)
SOFTCUDA_MATH_OF_1(cbrt)
SOFTCUDA_MATH_OF_1(exp)
SOFTCUDA_MATH_OF_1(exp2)
SOFTCUDA_MATH_OF_1(expm1)
SOFTCUDA_MATH_OF_1(log)
SOFTCUDA_MATH_OF_1(log2)
SOFTCUDA_MATH_OF_1(log10)
SOFTCUDA_MATH_OF_1(log1p)
SOFTCUDA_MATH_OF_1(sin)
SOFTCUDA_MATH_OF_1(cos)
SOFTCUDA_MATH_OF_1(tan)
SOFTCUDA_MATH_OF_1(asin)
SOFTCUDA_MATH_OF_1(acos)
SOFTCUDA_MATH_OF_1(atan)
SOFTCUDA_MATH_OF_1(sinh)
SOFTCUDA_MATH_OF_1(cosh)
SOFTCUDA_MATH_OF_1(tanh)
SOFTCUDA_MATH_OF_1(erf)
SOFTCUDA_MATH_OF_1(erfc)
SOFTCUDA_MATH_OF_1(fabs)
SOFTCUDA_MATH_OF_1(floor)
SOFTCUDA_MATH_OF_1(ceil)
SOFTCUDA_MATH_OF_1(trunc)
SOFTCUDA_MATH_OF_1(round)
SOFTCUDA_MATH_OF_1(rint)
SOFTCUDA_MATH_OF_1(nearbyint)
SOFTCUDA_MATH_OF_2(pow)
SOFTCUDA_MATH_OF_2(fmod)
SOFTCUDA_MATH_OF_2(remainder)
SOFTCUDA_MATH_OF_2(atan2)
SOFTCUDA_MATH_OF_2(hypot)
SOFTCUDA_MATH_OF_2(copysign)
SOFTCUDA_MATH_OF_2(fdim)

static inline float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
static inline float rsqrtf(float x) { return 1.0f / __builtin_sqrtf(x); }
static inline float rsqrt(float x) { return 1.0f / __builtin_sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / __builtin_sqrt(x); }
static inline float ldexpf(float x, int exponent) { return __builtin_ldexpf(x, exponent); }
static inline float ldexp(float x, int exponent) { return __builtin_ldexpf(x, exponent); }
static inline double ldexp(double x, int exponent) { return __builtin_ldexp(x, exponent); }
static inline float pow(float x, int y) { return __builtin_powf(x, (float)y); }
static inline double pow(double x, int y) { return __builtin_pow(x, y); }

static inline void sincosf(float x, float* sine, float* cosine)
{
    *sine = __builtin_sinf(x);
    *cosine = __builtin_cosf(x);
}

static inline void sincos(double x, double* sine, double* cosine)
{
    *sine = __builtin_sin(x);
    *cosine = __builtin_cos(x);
}

static inline float __expf(float x) { return __builtin_expf(x); }
static inline float __exp10f(float x) { return __builtin_exp10f(x); }
static inline float __logf(float x) { return __builtin_logf(x); }
static inline float __log2f(float x) { return __builtin_log2f(x); }
static inline float __log10f(float x) { return __builtin_log10f(x); }
static inline float __sinf(float x) { return __builtin_sinf(x); }
static inline float __cosf(float x) { return __builtin_cosf(x); }
static inline float __tanf(float x) { return __builtin_tanf(x); }
static inline float __powf(float x, float y) { return __builtin_powf(x, y); }
static inline float __saturatef(float x) { return x > 1.0f ? 1.0f : x > 0.0f ? x : 0.0f; }

static inline bool isnan(float x) { return __builtin_isnan(x); }
static inline bool isnan(double x) { return __builtin_isnan(x); }
static inline bool isinf(float x) { return __builtin_isinf(x); }
static inline bool isinf(double x) { return __builtin_isinf(x); }
static inline bool isfinite(float x) { return __builtin_isfinite(x); }
static inline bool isfinite(double x) { return __builtin_isfinite(x); }
static inline bool signbit(float x) { return __builtin_signbit(x); }
static inline bool signbit(double x) { return __builtin_signbit(x); }

// The other operand wins over NaN, and +0 counts as larger than -0.
namespace softcuda
{
template <class T>
static inline T larger(T a, T b)
{
    if (a == b)
        return __builtin_signbit(a) ? b : a;
    return a > b || b != b ? a : b;
}

template <class T>
static inline T smaller(T a, T b)
{
    if (a == b)
        return __builtin_signbit(a) ? a : b;
    return a < b || b != b ? a : b;
}
}

static inline float fmaxf(float a, float b) { return softcuda::larger(a, b); }
static inline float fminf(float a, float b) { return softcuda::smaller(a, b); }
static inline float fmax(float a, float b) { return softcuda::larger(a, b); }
static inline float fmin(float a, float b) { return softcuda::smaller(a, b); }
static inline double fmax(double a, double b) { return softcuda::larger(a, b); }
static inline double fmin(double a, double b) { return softcuda::smaller(a, b); }
static inline double fmax(float a, double b) { return softcuda::larger<double>(a, b); }
static inline double fmin(float a, double b) { return softcuda::smaller<double>(a, b); }
static inline double fmax(double a, float b) { return softcuda::larger<double>(a, b); }
static inline double fmin(double a, float b) { return softcuda::smaller<double>(a, b); }

static inline float max(float a, float b) { return softcuda::larger(a, b); }
static inline float min(float a, float b) { return softcuda::smaller(a, b); }
static inline double max(double a, double b) { return softcuda::larger(a, b); }
static inline double min(double a, double b) { return softcuda::smaller(a, b); }
static inline double max(float a, double b) { return softcuda::larger<double>(a, b); }
static inline double min(float a, double b) { return softcuda::smaller<double>(a, b); }
static inline double max(double a, float b) { return softcuda::larger<double>(a, b); }
static inline double min(double a, float b) { return softcuda::smaller<double>(a, b); }

#define SOFTCUDA_INTEGER_EXTREMES(Result, A, B) \
    static inline constexpr Result max(A a, B b) { return (Result)a > (Result)b ? (Result)a : (Result)b; } \
    static inline constexpr Result min(A a, B b) { return (Result)a < (Result)b ? (Result)a : (Result)b; }

SOFTCUDA_INTEGER_EXTREMES(int, int, int)
SOFTCUDA_INTEGER_EXTREMES(unsigned, unsigned, unsigned)
SOFTCUDA_INTEGER_EXTREMES(unsigned, int, unsigned)
SOFTCUDA_INTEGER_EXTREMES(unsigned, unsigned, int)
SOFTCUDA_INTEGER_EXTREMES(long, long, long)
SOFTCUDA_INTEGER_EXTREMES(unsigned long, unsigned long, unsigned long)
SOFTCUDA_INTEGER_EXTREMES(unsigned long, long, unsigned long)
SOFTCUDA_INTEGER_EXTREMES(unsigned long, unsigned long, long)
SOFTCUDA_INTEGER_EXTREMES(long long, long long, long long)
SOFTCUDA_INTEGER_EXTREMES(unsigned long long, unsigned long long, unsigned long long)
SOFTCUDA_INTEGER_EXTREMES(unsigned long long, long long, unsigned long long)
SOFTCUDA_INTEGER_EXTREMES(unsigned long long, unsigned long long, long long)

static inline int abs(int x) { return x < 0 ? -x : x; }
static inline long labs(long x) { return x < 0 ? -x : x; }
static inline long long llabs(long long x) { return x < 0 ? -x : x; }
static inline long abs(long x) { return labs(x); }
static inline long long abs(long long x) { return llabs(x); }
static inline float abs(float x) { return __builtin_fabsf(x); }
static inline double abs(double x) { return __builtin_fabs(x); }

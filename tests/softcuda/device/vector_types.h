// float4 and its kin, with the alignment that lets a GPU move them in one instruction.
#pragma once
#include "abi.h"

#define SOFTCUDA_VECTOR(T, base, align2, align4) \
    struct base##3 { T x, y, z; }; \
    SOFTCUDA_VECTOR_OF_OTHER_LENGTHS(T, base, align2, align4)

#define SOFTCUDA_VECTOR_OF_OTHER_LENGTHS(T, base, align2, align4) \
    struct base##1 { T x; }; \
    struct alignas(align2) base##2 { T x, y; }; \
    struct alignas(align4) base##4 { T x, y, z, w; }; \
    static inline base##1 make_##base##1(T x) { return base##1{x}; } \
    static inline base##2 make_##base##2(T x, T y) { return base##2{x, y}; } \
    static inline base##3 make_##base##3(T x, T y, T z) { return base##3{x, y, z}; } \
    static inline base##4 make_##base##4(T x, T y, T z, T w) { return base##4{x, y, z, w}; }

SOFTCUDA_VECTOR_OF_OTHER_LENGTHS(unsigned, uint, 8, 16)  // uint3 is declared with the built-in variables
SOFTCUDA_VECTOR(int, int, 8, 16)
SOFTCUDA_VECTOR(float, float, 8, 16)
SOFTCUDA_VECTOR(double, double, 16, 16)
SOFTCUDA_VECTOR(char, char, 2, 4)
SOFTCUDA_VECTOR(unsigned char, uchar, 2, 4)
SOFTCUDA_VECTOR(short, short, 4, 8)
SOFTCUDA_VECTOR(unsigned short, ushort, 4, 8)
SOFTCUDA_VECTOR(long long, longlong, 16, 16)
SOFTCUDA_VECTOR(unsigned long long, ulonglong, 16, 16)

// printf, assert, traps and clocks.
#pragma once
#include "builtins.h"

namespace softcuda
{
SOFTCUDA_UNCHECKED __attribute__((format(printf, 1, 2))) static inline int print(const char* format, ...)
{
    va_list arguments;
    __builtin_va_start(arguments, format);
    const int written = runtime->print(format, arguments);
    __builtin_va_end(arguments);
    return written;
}

constexpr int illegal_address = 700;
constexpr int assertion_failed = 710;
constexpr int misaligned_address = 716;
constexpr int launch_failed = 719;

SOFTCUDA_UNCHECKED static inline void fail(int result, const char* message, const char* file, unsigned line)
{
    runtime->fault(result, message, file, line);
    __builtin_unreachable();
}
}

#define printf(...) softcuda::print(__VA_ARGS__)

#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) \
    ((condition) ? (void)0 \
                 : softcuda::fail(softcuda::assertion_failed, "assert(" #condition ")", __FILE__, __LINE__))
#endif

#define __trap() softcuda::fail(softcuda::launch_failed, "__trap()", __FILE__, __LINE__)

static inline long long clock64()
{
    return (long long)__builtin_ia32_rdtsc();
}

static inline clock_t clock()
{
    return (clock_t)clock64();
}

static inline void __nanosleep(unsigned)
{
}

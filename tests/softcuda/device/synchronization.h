// Barriers, warp operations and fences. Each takes the line of its call, for reports.
#pragma once
#include "builtins.h"

#define SOFTCUDA_LINE unsigned line = __builtin_LINE()

namespace softcuda
{
// A compiler must not carry shared memory in registers over a place where other threads run.
SOFTCUDA_UNCHECKED static inline int barrier(BarrierKind kind, int predicate, unsigned line)
{
    asm volatile("" ::: "memory");
    const int result = runtime->barrier(kind, predicate, line);
    asm volatile("" ::: "memory");
    return result;
}

SOFTCUDA_UNCHECKED static inline unsigned long long warp(
    WarpOperation operation, unsigned mask, unsigned long long value, int argument, int width, unsigned line)
{
    asm volatile("" ::: "memory");
    const unsigned long long result = runtime->warp(operation, mask, value, argument, width, line);
    asm volatile("" ::: "memory");
    return result;
}

template <class T>
SOFTCUDA_UNCHECKED static inline T shuffle(
    WarpOperation operation, unsigned mask, T value, int argument, int width, unsigned line)
{
    unsigned long long bits = 0;
    __builtin_memcpy(&bits, &value, sizeof value);
    bits = warp(operation, mask, bits, argument, width, line);
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

SOFTCUDA_UNCHECKED static inline unsigned vote(WarpOperation operation, unsigned mask, int predicate, unsigned line)
{
    return (unsigned)warp(operation, mask, predicate != 0, 0, warp_size, line);
}

SOFTCUDA_UNCHECKED static inline unsigned reduce(WarpOperation operation, unsigned mask, unsigned value, unsigned line)
{
    return (unsigned)warp(operation, mask, value, 0, warp_size, line);
}

// Unchecked blocks may run on several OS threads. An x86 processor keeps the order of stores and of loads, so that
// only the compiler must be held back.
SOFTCUDA_UNCHECKED static inline void fence(FenceScope scope)
{
    __atomic_thread_fence(__ATOMIC_ACQ_REL);
#if SOFTCUDA_CHECKED
    runtime->fence(scope);
#endif
}
}

static inline void __syncthreads(SOFTCUDA_LINE)
{
    softcuda::barrier(softcuda::BarrierKind::plain, 0, line);
}

static inline int __syncthreads_count(int predicate, SOFTCUDA_LINE)
{
    return softcuda::barrier(softcuda::BarrierKind::count, predicate != 0, line);
}

static inline int __syncthreads_and(int predicate, SOFTCUDA_LINE)
{
    return softcuda::barrier(softcuda::BarrierKind::all, predicate != 0, line);
}

static inline int __syncthreads_or(int predicate, SOFTCUDA_LINE)
{
    return softcuda::barrier(softcuda::BarrierKind::any, predicate != 0, line);
}

static inline void __syncwarp(unsigned mask = 0xffffffffu, SOFTCUDA_LINE)
{
    softcuda::warp(softcuda::WarpOperation::sync, mask, 0, 0, softcuda::warp_size, line);
}

// The types that have shuffles, as overloads, so that a bool or a char goes through int as in CUDA C.
#define SOFTCUDA_SHUFFLES(T) \
    static inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32, SOFTCUDA_LINE) \
    { \
        return softcuda::shuffle(softcuda::WarpOperation::shuffle, mask, value, lane, width, line); \
    } \
    static inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, SOFTCUDA_LINE) \
    { \
        return softcuda::shuffle(softcuda::WarpOperation::shuffle_up, mask, value, (int)delta, width, line); \
    } \
    static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, SOFTCUDA_LINE) \
    { \
        return softcuda::shuffle(softcuda::WarpOperation::shuffle_down, mask, value, (int)delta, width, line); \
    } \
    static inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, SOFTCUDA_LINE) \
    { \
        return softcuda::shuffle(softcuda::WarpOperation::shuffle_xor, mask, value, lanes, width, line); \
    }

SOFTCUDA_SHUFFLES(int)
SOFTCUDA_SHUFFLES(unsigned)
SOFTCUDA_SHUFFLES(long)
SOFTCUDA_SHUFFLES(unsigned long)
SOFTCUDA_SHUFFLES(long long)
SOFTCUDA_SHUFFLES(unsigned long long)
SOFTCUDA_SHUFFLES(float)
SOFTCUDA_SHUFFLES(double)

static inline unsigned __ballot_sync(unsigned mask, int predicate, SOFTCUDA_LINE)
{
    return softcuda::vote(softcuda::WarpOperation::ballot, mask, predicate, line);
}

static inline int __any_sync(unsigned mask, int predicate, SOFTCUDA_LINE)
{
    return (int)softcuda::vote(softcuda::WarpOperation::any, mask, predicate, line);
}

static inline int __all_sync(unsigned mask, int predicate, SOFTCUDA_LINE)
{
    return (int)softcuda::vote(softcuda::WarpOperation::all, mask, predicate, line);
}

// The lanes that could take part in an operation now: those of the warp that have not returned.
SOFTCUDA_UNCHECKED static inline unsigned __activemask()
{
    return softcuda_block_state.lanes_alive[softcuda_block_state.current >> 5];
}

#define SOFTCUDA_MATCHES(T) \
    static inline unsigned __match_any_sync(unsigned mask, T value, SOFTCUDA_LINE) \
    { \
        unsigned long long bits = 0; \
        __builtin_memcpy(&bits, &value, sizeof value); \
        return (unsigned)softcuda::warp(softcuda::WarpOperation::match_any, mask, bits, 0, 32, line); \
    } \
    static inline unsigned __match_all_sync(unsigned mask, T value, int* all_equal, SOFTCUDA_LINE) \
    { \
        unsigned long long bits = 0; \
        __builtin_memcpy(&bits, &value, sizeof value); \
        const unsigned lanes = (unsigned)softcuda::warp(softcuda::WarpOperation::match_all, mask, bits, 0, 32, line); \
        *all_equal = lanes != 0; \
        return lanes; \
    }

SOFTCUDA_MATCHES(int)
SOFTCUDA_MATCHES(unsigned)
SOFTCUDA_MATCHES(long)
SOFTCUDA_MATCHES(unsigned long)
SOFTCUDA_MATCHES(long long)
SOFTCUDA_MATCHES(unsigned long long)
SOFTCUDA_MATCHES(float)
SOFTCUDA_MATCHES(double)

#if __CUDA_ARCH__ >= 800
#define SOFTCUDA_REDUCTION(name, T, operation) \
    static inline T name(unsigned mask, T value, SOFTCUDA_LINE) \
    { \
        return (T)softcuda::reduce(softcuda::WarpOperation::operation, mask, (unsigned)value, line); \
    }

SOFTCUDA_REDUCTION(__reduce_add_sync, int, reduce_add)
SOFTCUDA_REDUCTION(__reduce_add_sync, unsigned, reduce_add)
SOFTCUDA_REDUCTION(__reduce_min_sync, int, reduce_min_signed)
SOFTCUDA_REDUCTION(__reduce_min_sync, unsigned, reduce_min_unsigned)
SOFTCUDA_REDUCTION(__reduce_max_sync, int, reduce_max_signed)
SOFTCUDA_REDUCTION(__reduce_max_sync, unsigned, reduce_max_unsigned)
SOFTCUDA_REDUCTION(__reduce_and_sync, unsigned, reduce_and)
SOFTCUDA_REDUCTION(__reduce_or_sync, unsigned, reduce_or)
SOFTCUDA_REDUCTION(__reduce_xor_sync, unsigned, reduce_xor)
#endif

static inline void __threadfence()
{
    softcuda::fence(softcuda::FenceScope::device);
}

static inline void __threadfence_block()
{
    softcuda::fence(softcuda::FenceScope::block);
}

static inline void __threadfence_system()
{
    softcuda::fence(softcuda::FenceScope::system);
}

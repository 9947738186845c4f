// Atomic operations, loads and stores with a cache hint, and the memory functions of C.
#pragma once
#include "builtins.h"

namespace softcuda
{
// The checker sees one atomic access where the compiler would show it a load and a store.
template <class T>
SOFTCUDA_UNCHECKED static inline void tell_atomic(T* address, const void* pc)
{
#if SOFTCUDA_CHECKED
    runtime->access(address, sizeof(T), access_read | access_write | access_atomic, pc);
#endif
}

// Blocks may run on several OS threads, so that every operation is truly atomic.
template <class T, class Update>
SOFTCUDA_UNCHECKED static inline __attribute__((always_inline)) T update_atomically(T* address, Update update)
{
    T old;
    __atomic_load(address, &old, __ATOMIC_RELAXED);
    for (;;)
    {
        T updated = update(old);
        if (__atomic_compare_exchange(address, &old, &updated, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return old;
    }
}
}

#if SOFTCUDA_CHECKED
// Not inlined, so that the return address is the place of the call.
#define SOFTCUDA_ATOMIC SOFTCUDA_UNCHECKED __attribute__((noinline)) static
#else
#define SOFTCUDA_ATOMIC static inline
#endif

#define SOFTCUDA_ATOMIC_UPDATE(name, T, expression) \
    SOFTCUDA_ATOMIC T name(T* address, T value) \
    { \
        softcuda::tell_atomic(address, __builtin_return_address(0)); \
        return softcuda::update_atomically(address, [=](T old) SOFTCUDA_UNCHECKED { return (T)(expression); }); \
    }

#define SOFTCUDA_ATOMIC_INTEGER(T) \
    SOFTCUDA_ATOMIC T atomicAdd(T* address, T value) \
    { \
        softcuda::tell_atomic(address, __builtin_return_address(0)); \
        return __atomic_fetch_add(address, value, __ATOMIC_SEQ_CST); \
    } \
    SOFTCUDA_ATOMIC T atomicCAS(T* address, T compare, T value) \
    { \
        softcuda::tell_atomic(address, __builtin_return_address(0)); \
        __atomic_compare_exchange_n(address, &compare, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        return compare; \
    } \
    SOFTCUDA_ATOMIC_UPDATE(atomicExch, T, value) \
    SOFTCUDA_ATOMIC_UPDATE(atomicMin, T, old < value ? old : value) \
    SOFTCUDA_ATOMIC_UPDATE(atomicMax, T, old > value ? old : value) \
    SOFTCUDA_ATOMIC_UPDATE(atomicAnd, T, old & value) \
    SOFTCUDA_ATOMIC_UPDATE(atomicOr, T, old | value) \
    SOFTCUDA_ATOMIC_UPDATE(atomicXor, T, old ^ value)

SOFTCUDA_ATOMIC_INTEGER(int)
SOFTCUDA_ATOMIC_INTEGER(unsigned)
SOFTCUDA_ATOMIC_INTEGER(unsigned long long)
SOFTCUDA_ATOMIC_UPDATE(atomicMin, long long, old < value ? old : value)
SOFTCUDA_ATOMIC_UPDATE(atomicMax, long long, old > value ? old : value)
SOFTCUDA_ATOMIC_UPDATE(atomicSub, int, old - value)
SOFTCUDA_ATOMIC_UPDATE(atomicSub, unsigned, old - value)
SOFTCUDA_ATOMIC_UPDATE(atomicInc, unsigned, old >= value ? 0 : old + 1)
SOFTCUDA_ATOMIC_UPDATE(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)
SOFTCUDA_ATOMIC_UPDATE(atomicExch, float, value)
SOFTCUDA_ATOMIC_UPDATE(atomicAdd, float, old + value)
SOFTCUDA_ATOMIC_UPDATE(atomicAdd, double, old + value)

#define SOFTCUDA_HINTED_LOAD(name) \
    template <class T> \
    static inline __attribute__((always_inline)) T name(const T* address) \
    { \
        return *address; \
    }

#define SOFTCUDA_HINTED_STORE(name) \
    template <class T> \
    static inline __attribute__((always_inline)) void name(T* address, T value) \
    { \
        *address = value; \
    }

SOFTCUDA_HINTED_LOAD(__ldg)
SOFTCUDA_HINTED_LOAD(__ldcg)
SOFTCUDA_HINTED_LOAD(__ldca)
SOFTCUDA_HINTED_LOAD(__ldcs)
SOFTCUDA_HINTED_LOAD(__ldlu)
SOFTCUDA_HINTED_LOAD(__ldcv)
SOFTCUDA_HINTED_STORE(__stwb)
SOFTCUDA_HINTED_STORE(__stcg)
SOFTCUDA_HINTED_STORE(__stcs)
SOFTCUDA_HINTED_STORE(__stwt)

static inline void* memcpy(void* target, const void* source, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((char*)target)[i] = ((const char*)source)[i];
    return target;
}

static inline void* memset(void* target, int value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((char*)target)[i] = (char)value;
    return target;
}

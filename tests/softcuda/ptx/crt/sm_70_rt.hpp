// Clang's intrinsics include a header of this name of the SDK. These are the functions that it would bring.
#pragma once

static __device__ inline unsigned __match_any_sync(unsigned mask, unsigned value)
{
    return __nvvm_match_any_sync_i32(mask, value);
}

static __device__ inline unsigned __match_any_sync(unsigned mask, int value)
{
    return __nvvm_match_any_sync_i32(mask, (unsigned)value);
}

static __device__ inline unsigned __match_any_sync(unsigned mask, unsigned long long value)
{
    return __nvvm_match_any_sync_i64(mask, value);
}

static __device__ inline unsigned __match_any_sync(unsigned mask, long long value)
{
    return __nvvm_match_any_sync_i64(mask, (unsigned long long)value);
}

static __device__ inline unsigned __match_all_sync(unsigned mask, unsigned value, int* all_equal)
{
    return __nvvm_match_all_sync_i32p(mask, value, all_equal);
}

static __device__ inline void __nanosleep(unsigned nanoseconds)
{
    asm volatile("nanosleep.u32 %0;" ::"r"(nanoseconds));
}

// The functions that a compiler calls for every load and store under -fsanitize=thread, and for misalignment, array
// bounds, division and shifts. No sanitizer library is linked: these are all there is of it.
#pragma once
#include "diagnostics.h"

#if SOFTCUDA_CHECKED
#define SOFTCUDA_HOOK SOFTCUDA_UNCHECKED __attribute__((used))

#define SOFTCUDA_ACCESS_HOOKS(bytes) \
    SOFTCUDA_HOOK void __tsan_read##bytes(void* address) \
    { \
        softcuda::runtime->access(address, bytes, softcuda::access_read, __builtin_return_address(0)); \
    } \
    SOFTCUDA_HOOK void __tsan_write##bytes(void* address) \
    { \
        softcuda::runtime->access(address, bytes, softcuda::access_write, __builtin_return_address(0)); \
    } \
    SOFTCUDA_HOOK void __tsan_unaligned_read##bytes(void* address) \
    { \
        softcuda::runtime->access(address, bytes, softcuda::access_read | softcuda::access_unaligned, \
                                  __builtin_return_address(0)); \
    } \
    SOFTCUDA_HOOK void __tsan_unaligned_write##bytes(void* address) \
    { \
        softcuda::runtime->access(address, bytes, softcuda::access_write | softcuda::access_unaligned, \
                                  __builtin_return_address(0)); \
    }

extern "C"
{
SOFTCUDA_ACCESS_HOOKS(1)
SOFTCUDA_ACCESS_HOOKS(2)
SOFTCUDA_ACCESS_HOOKS(4)
SOFTCUDA_ACCESS_HOOKS(8)
SOFTCUDA_ACCESS_HOOKS(16)

SOFTCUDA_HOOK void __tsan_read_range(void* address, size_t bytes)
{
    softcuda::runtime->access(address, bytes, softcuda::access_read | softcuda::access_unaligned,
                              __builtin_return_address(0));
}

SOFTCUDA_HOOK void __tsan_write_range(void* address, size_t bytes)
{
    softcuda::runtime->access(address, bytes, softcuda::access_write | softcuda::access_unaligned,
                              __builtin_return_address(0));
}

SOFTCUDA_HOOK void __tsan_vptr_update(void**, void*)
{
}

SOFTCUDA_HOOK void __tsan_init()
{
}

SOFTCUDA_HOOK void __tsan_func_entry(void*)
{
}

SOFTCUDA_HOOK void __tsan_func_exit()
{
}

// The beginning of what the compiler hands over with each kind of undefined behaviour.
struct SoftcudaPlace
{
    const char* file;
    unsigned line;
    unsigned column;
};

struct SoftcudaTypeMismatch
{
    SoftcudaPlace place;
    void* type;
    unsigned char log_alignment;
    unsigned char kind;
};

SOFTCUDA_HOOK void __ubsan_handle_type_mismatch_v1(SoftcudaTypeMismatch* mismatch, size_t)
{
    softcuda::fail(softcuda::misaligned_address, "misaligned address", mismatch->place.file, mismatch->place.line);
}

SOFTCUDA_HOOK void __ubsan_handle_out_of_bounds(SoftcudaPlace* place, size_t)
{
    softcuda::fail(softcuda::illegal_address, "array index out of bounds", place->file, place->line);
}

SOFTCUDA_HOOK void __ubsan_handle_divrem_overflow(SoftcudaPlace* place, size_t, size_t)
{
    softcuda::fail(softcuda::launch_failed, "integer division by zero or overflow", place->file, place->line);
}

SOFTCUDA_HOOK void __ubsan_handle_shift_out_of_bounds(SoftcudaPlace* place, size_t, size_t)
{
    softcuda::fail(softcuda::launch_failed, "shift by a negative count or the whole width", place->file, place->line);
}
}
#endif

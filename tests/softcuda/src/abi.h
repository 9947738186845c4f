// The contract between a compiled kernel module and the runtime in libcuda.
//
// Both sides include this file: the runtime, and the shim that is put in front of every kernel. So it holds plain
// declarations only and includes nothing. A change of layout or meaning is a new abi_version.
//
// How a block runs. The runtime enters KernelEntry::run on a fiber. run is a loop over the threads of the block that
// have not begun: it takes the next one (BlockState::next_start), makes it current, calls the kernel, and goes on with
// the next. Only when a thread must wait (barrier, warp operation) does the runtime leave that fiber parked and enter
// run once more on a fresh fiber, which goes on with the remaining threads. A kernel that never waits costs one fiber a
// block. The loop, exactly:
//
//     for (;;) {
//         unsigned slot = state.next_start;
//         if (slot >= state.thread_count) return;               // the runtime carries on with parked threads
//         state.next_start = slot + 1;
//         unsigned thread = state.start_order[slot];
//         state.current = thread;
//         state.thread_index = state.thread_indices[thread];
//         kernel(*(A*)arguments[0], *(B*)arguments[1], ...);
//         state.lanes_alive[thread >> 5] &= ~(1u << (thread & 31));  // thread == state.current still
//         state.live_count--;
//         if (state.parked_count != 0) runtime->thread_exited();
//     }
//
// A fiber never moves to another OS thread, so addresses of thread_local objects may be kept across any call.
//
// Shared memory. `__shared__ T x[N]` is `static thread_local T x[N]` (dynamic TLS model, no initialiser): every OS
// thread that runs blocks has its own. The runtime finds these objects as the STT_TLS symbols of the module's .symtab,
// and which of them a kernel uses from the relocations of the code that KernelEntry::run can reach; so a module is
// compiled with -ffunction-sections, linked with --emit-relocs and not stripped. Only the object whose name contains
// "softcuda_block_state" is no shared memory. The others are filled before each block of a kernel that uses them.
// `extern __shared__` memory is BlockState::dynamic_shared.
//
// Checked modules (ModuleTable::checked == 1) call Runtime::access for every load and store, and before every atomic
// operation, fence for every fence. Others never call access; they may call fence.
#pragma once

struct uint3
{
    unsigned x, y, z;
};

namespace softcuda
{
constexpr unsigned abi_version = 2;
constexpr unsigned warp_size = 32;
constexpr unsigned max_threads_per_block = 1024;

// What the kernel's built-in variables read. One per module and OS thread:
//     extern "C" { static thread_local softcuda::BlockState softcuda_block_state; }
struct BlockState
{
    uint3 thread_index;
    uint3 block_index;
    uint3 block_dim;
    uint3 grid_dim;
    unsigned current;       // linear number in the block of the thread that runs now
    unsigned next_start;    // how many threads of start_order have begun
    unsigned thread_count;  // threads of the block
    unsigned live_count;    // threads that have not returned
    unsigned parked_count;  // threads that wait at a barrier or a warp operation; written by the runtime only
    const unsigned short* start_order;
    const uint3* thread_indices;
    char* dynamic_shared;   // aligned to 1024 bytes, as long as the launch asked for
    unsigned dynamic_shared_bytes;
    unsigned lanes_alive[max_threads_per_block / warp_size];  // per warp: lanes that exist and have not returned
};

enum class BarrierKind : int
{
    plain,  // __syncthreads; the result is 0
    count,  // __syncthreads_count: in how many threads the predicate was non-zero
    all,    // __syncthreads_and
    any,    // __syncthreads_or
};

// Values travel as 64 bits, zero-extended unless said otherwise.
enum class WarpOperation : int
{
    sync,           // result 0
    shuffle,        // argument: source lane; width: 1, 2, 4, ... 32
    shuffle_up,     // argument: delta
    shuffle_down,   // argument: delta
    shuffle_xor,    // argument: lane mask
    ballot,         // value: 0 or 1; the rest ignore argument and width
    any,
    all,
    match_any,      // lanes of the mask with an equal value
    match_all,      // the participating lanes if all values are equal, else 0 (the predicate is result != 0)
    reduce_add,     // 32 bits, wraps
    reduce_min_signed,
    reduce_max_signed,
    reduce_min_unsigned,
    reduce_max_unsigned,
    reduce_and,
    reduce_or,
    reduce_xor,
};

enum class FenceScope : int
{
    block,   // __threadfence_block
    device,  // __threadfence
    system,  // __threadfence_system
};

// Flags of Runtime::access.
constexpr unsigned access_read = 0;
constexpr unsigned access_write = 1;
constexpr unsigned access_atomic = 2;     // a read-modify-write is access_write | access_atomic
constexpr unsigned access_unaligned = 4;  // the compiler promises no alignment: do not report one

// What the runtime does for a kernel. line is the source line of the call. All functions may switch to another fiber
// and come back; fault does not come back.
struct Runtime
{
    int (*barrier)(BarrierKind kind, int predicate, unsigned line);
    unsigned long long (*warp)(WarpOperation operation, unsigned mask, unsigned long long value, int argument,
                               int width, unsigned line);
    void (*thread_exited)();

    // Ends the kernel with this CUresult (700 illegal address, 710 assert, 716 misaligned, 719 launch failure).
    // file may be null: then the place of the call is looked up.
    void (*fault)(int result, const char* message, const char* file, unsigned line);

    // pc: return address of the instrumented access (__builtin_return_address(0) of the __tsan_* function).
    void (*access)(const void* address, unsigned long long size, unsigned flags, const void* pc);
    void (*fence)(FenceScope scope);

    // printf of a kernel: the shim forwards its __builtin_va_list. Returns as vprintf does.
    int (*print)(const char* format, __builtin_va_list arguments);
};

struct KernelEntry
{
    const char* name;                      // as cuModuleGetFunction asks for it
    void (*run)(void** arguments);         // arguments[i] points to parameter i
    unsigned parameter_count;
    const unsigned* parameter_sizes;
    const unsigned* parameter_alignments;
    unsigned max_threads_per_block;        // of __launch_bounds__; 0: none given
    unsigned min_blocks_per_multiprocessor;  // of __launch_bounds__; 0: none given
};

// Every module defines one, with this name:
//     extern "C" softcuda::ModuleTable softcuda_module;   (default visibility)
struct ModuleTable
{
    unsigned abi_version;
    unsigned checked;                // 1: built with the checker's call-outs
    const Runtime** runtime;         // where the module wants the address of the runtime; written once, at load
    BlockState* (*block_state)();    // this OS thread's
    const KernelEntry* kernels;
    unsigned kernel_count;
};
}

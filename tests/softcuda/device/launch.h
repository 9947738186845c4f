// How the runtime calls a kernel whose parameters it knows only as bytes.
#pragma once
#include "builtins.h"

namespace softcuda
{
template <int... numbers>
struct Numbers
{
};

template <auto kernel>
struct Launch
{
    static_assert(sizeof(decltype(kernel)) == 0, "a __global__ function must have a void return type");
};

template <class... Parameters, void (*kernel)(Parameters...)>
struct Launch<kernel>
{
    static constexpr unsigned count = sizeof...(Parameters);
    static constexpr unsigned sizes[] = {sizeof(Parameters)..., 0};
    static constexpr unsigned alignments[] = {alignof(Parameters)..., 0};

    static void run(void** arguments)
    {
        run(arguments, Numbers<__integer_pack(sizeof...(Parameters))...>());
    }

private:
    // Goes on with the threads of the block that have not begun: see abi.h.
    template <int... numbers>
    SOFTCUDA_UNCHECKED static inline __attribute__((always_inline)) void run(void** arguments, Numbers<numbers...>)
    {
        BlockState& state = softcuda_block_state;
        for (;;)
        {
            const unsigned slot = state.next_start;
            if (slot >= state.thread_count)
                return;
            state.next_start = slot + 1;
            const unsigned thread = state.start_order[slot];
            state.current = thread;
            state.thread_index = state.thread_indices[thread];
            kernel(*(Parameters*)arguments[numbers]...);
            state.lanes_alive[thread / warp_size] &= ~(1u << thread % warp_size);
            state.live_count--;
            if (__builtin_expect(state.parked_count != 0, 0))
                runtime->thread_exited();
        }
    }
};

SOFTCUDA_UNCHECKED static BlockState* block_state()
{
    return &softcuda_block_state;
}
}

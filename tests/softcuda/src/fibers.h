// Fibers: the stacks that a block's threads run on, and the switch between them.
//
// Only x86-64 Linux: a switch is a dozen instructions, because a kernel of 256 threads makes thousands a block.
#pragma once
#include <cstddef>
#include <cstdint>

// Saves the caller's registers on its stack and its stack pointer in *saved, and goes on where `resumed` was saved.
// Signal masks and floating-point modes stay as they are: no kernel changes them.
extern "C" void softcuda_switch(void** saved, void* resumed);

namespace softcuda
{
// Stacks for the fibers of one OS thread, each above a page that faults.
class FiberStacks
{
public:
    // Large enough for a signal handler of the host process, which may run on whatever stack the signal finds.
    static constexpr size_t stack_bytes = 128 * 1024;

    explicit FiberStacks(unsigned count);
    ~FiberStacks();
    FiberStacks(const FiberStacks&) = delete;
    FiberStacks& operator=(const FiberStacks&) = delete;

    // A stack pointer that softcuda_switch can resume: entry is called on stack `index` and must not return.
    void* prepare(unsigned index, void (*entry)());

    bool contains(const void* address) const { return reinterpret_cast<uintptr_t>(address) - begin_ < bytes_; }

    // The fault of a thread that ran out of stack comes from one of these pages.
    bool in_guard_page(const void* address) const;

private:
    uintptr_t begin_ = 0;
    size_t bytes_ = 0;
    unsigned protected_ = 0;  // guard pages exist for stacks below this number
};
}

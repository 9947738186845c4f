#include "fibers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

#if !defined(__x86_64__) || !defined(__linux__)
#error "the software CUDA device runs on x86-64 Linux"
#endif

asm(R"(
.text
.globl softcuda_switch
.hidden softcuda_switch
.type softcuda_switch,@function
softcuda_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size softcuda_switch, .-softcuda_switch
)");

namespace softcuda
{
namespace
{
constexpr size_t page_bytes = 4096;
constexpr int saved_registers = 6;

// Stacks of the same shape would fight for the same cache sets, so their tops are spread over a page.
constexpr size_t top_spread = 192;
}

FiberStacks::FiberStacks(unsigned count) : bytes_(count * stack_bytes)
{
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
    {
        throw std::bad_alloc();
    }
    begin_ = reinterpret_cast<uintptr_t>(memory);
}

FiberStacks::~FiberStacks()
{
    munmap(reinterpret_cast<void*>(begin_), bytes_);
}

void* FiberStacks::prepare(unsigned index, void (*entry)())
{
    uintptr_t low = begin_ + index * stack_bytes;
    for (; protected_ <= index; protected_++)
    {
        // Protected at first use: most kernels use one stack, and each guard page is a mapping of its own.
        mprotect(reinterpret_cast<void*>(begin_ + protected_ * stack_bytes), page_bytes, PROT_NONE);
    }
    uintptr_t top = (low + stack_bytes - index * top_spread % page_bytes) & ~uintptr_t{63};
    void** slot = reinterpret_cast<void**>(top);
    *--slot = nullptr;  // where a caller of entry would return to: nowhere; also what makes the stack aligned in entry
    *--slot = reinterpret_cast<void*>(entry);
    for (int i = 0; i < saved_registers; i++)
    {
        *--slot = nullptr;
    }
    return slot;
}

bool FiberStacks::in_guard_page(const void* address) const
{
    uintptr_t offset = reinterpret_cast<uintptr_t>(address) - begin_;
    return offset < bytes_ && offset % stack_bytes < page_bytes;
}
}

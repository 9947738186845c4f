// The table of functions that kernels call: each goes to the block that the calling OS thread runs.
#include <cstdio>

#include "checker.h"
#include "module.h"
#include "report.h"
#include "scheduler.h"

namespace softcuda
{
namespace
{
int barrier(BarrierKind kind, int predicate, unsigned line)
{
    return BlockRunner::running()->barrier(kind, predicate, line);
}

unsigned long long warp(WarpOperation operation, unsigned mask, unsigned long long value, int argument, int width,
                        unsigned line)
{
    return BlockRunner::running()->warp(operation, mask, value, argument, width, line);
}

void thread_exited()
{
    BlockRunner::running()->thread_exited();
}

void fault(int result, const char* message, const char* file, unsigned line)
{
    std::string at = file != nullptr ? format("%s at %s:%u", message, file, line)
                                     : format("%s at line %u", message, line);
    BlockRunner::running()->fail(static_cast<Result>(result), at);
}

void access(const void* address, unsigned long long size, unsigned flags, const void* code)
{
    BlockRunner* runner = BlockRunner::running();
    // A checked module also runs its own start-up code, outside any kernel.
    if (runner != nullptr && runner->grid().checked)
    {
        runner->checker()->access(address, size, flags, code);
    }
}

void fence(FenceScope scope)
{
    BlockRunner* runner = BlockRunner::running();
    if (runner->grid().checked)
    {
        runner->checker()->fence(scope);
    }
}

int print(const char* pattern, __builtin_va_list arguments)
{
    return std::vprintf(pattern, arguments);
}
}

const Runtime runtime_table = {barrier, warp, thread_exited, fault, access, fence, print};
}

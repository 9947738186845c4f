#include "checker.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "scheduler.h"

namespace softcuda
{
Shadow::Shadow(size_t bytes) : bytes_(bytes)
{
    // Mapped, not allocated: a page that nothing touches costs nothing, and begins as "not written".
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
    {
        throw std::bad_alloc();
    }
    written_ = static_cast<unsigned char*>(memory);
}

Shadow::~Shadow()
{
    munmap(written_, bytes_);
}

void Shadow::mark_written(size_t offset, size_t bytes)
{
    std::memset(written_ + offset, 1, bytes);
}

void Shadow::copy(size_t offset, const Shadow& source, size_t source_offset, size_t bytes)
{
    std::memmove(written_ + offset, source.written_ + source_offset, bytes);
}

size_t Shadow::first_unwritten(size_t offset, size_t bytes) const
{
    const void* found = std::memchr(written_ + offset, 0, bytes);
    return found == nullptr ? offset + bytes
                            : static_cast<size_t>(static_cast<const unsigned char*>(found) - written_);
}

void BlockChecker::begin_grid(BlockRunner& runner)
{
    runner_ = &runner;
}

void BlockChecker::begin_block(unsigned long long)
{
}

void BlockChecker::access(const void*, size_t, unsigned, const void*)
{
}

void BlockChecker::fence(FenceScope)
{
}

void BlockChecker::barrier_released()
{
}

void BlockChecker::warp_synchronised(unsigned, unsigned)
{
}
}

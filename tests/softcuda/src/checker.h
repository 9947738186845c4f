// The checker behind CHECK=1. Modules are then compiled so that every load, store and atomic operation comes here
// first, and each is checked for bounds, for alignment, for bytes that nobody has written, and for races.
//
// Checked kernels run one at a time and on one OS thread, so nothing here is atomic.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "abi.h"

namespace softcuda
{
class BlockRunner;

// What is known about each byte of a buffer: whether it was written.
class Shadow
{
public:
    explicit Shadow(size_t bytes);
    ~Shadow();
    Shadow(const Shadow&) = delete;
    Shadow& operator=(const Shadow&) = delete;

    void mark_written(size_t offset, size_t bytes);
    void copy(size_t offset, const Shadow& source, size_t source_offset, size_t bytes);

    // The offset of the first byte of the range that was not written, or `end` of the range.
    size_t first_unwritten(size_t offset, size_t bytes) const;

private:
    unsigned char* written_;
    size_t bytes_;
};

class BlockChecker
{
public:
    void begin_grid(BlockRunner& runner);
    void begin_block(unsigned long long number);
    void access(const void* address, size_t size, unsigned flags, const void* code);
    void fence(FenceScope scope);
    void barrier_released();
    void warp_synchronised(unsigned warp, unsigned lanes);

private:
    BlockRunner* runner_ = nullptr;
};
}

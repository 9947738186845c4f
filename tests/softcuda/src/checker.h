// The checker behind CHECK=1. Modules are then compiled so that every load, store and atomic operation comes here
// first, and each is checked for bounds, for alignment, for bytes that nobody has written, and for races.
//
// Checked kernels run one at a time and on one OS thread, so nothing here is atomic.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "abi.h"
#include "cuda_types.h"
#include "races.h"

namespace softcuda
{
class BlockRunner;
class Memory;

// What is known about a range of memory: of each byte whether it was written, of each word who accessed it.
class Shadow
{
public:
    explicit Shadow(size_t bytes);
    ~Shadow();
    Shadow(const Shadow&) = delete;
    Shadow& operator=(const Shadow&) = delete;

    void mark_written(size_t offset, size_t bytes) { __builtin_memset(written_ + offset, 1, bytes); }
    void forget_written();
    void copy(size_t offset, const Shadow& source, size_t source_offset, size_t bytes);

    bool all_written(size_t offset, size_t bytes) const
    {
        // One comparison for what kernels do nearly always.
        if (bytes == sizeof(uint32_t))
        {
            uint32_t four;
            __builtin_memcpy(&four, written_ + offset, sizeof four);
            return four == 0x01010101u;
        }
        return first_unwritten(offset, bytes) == offset + bytes;
    }

    // The offset of the first byte of the range that was not written, or the end of the range.
    size_t first_unwritten(size_t offset, size_t bytes) const;

    WordHistory& word(size_t index) { return words_[index]; }

    // Whether none of the sector that a word is in was accessed in this launch.
    bool is_new_sector(size_t word, uint32_t epoch) const;

private:
    size_t bytes_;
    unsigned char* written_;
    WordHistory* words_;
};

class BlockChecker
{
public:
    BlockChecker();
    void begin_grid(BlockRunner& runner);
    void begin_block(unsigned long long number);
    void access(const void* address, size_t size, unsigned flags, const void* code);
    void fence(FenceScope scope);
    void barrier_released();
    void warp_synchronised(unsigned warp, unsigned lanes);

private:
    // Shared memory of the block: a variable of the kernel, or the dynamic part.
    struct SharedRange
    {
        uintptr_t begin;
        size_t bytes;
        size_t shadow_offset;  // a multiple of the word
        const std::string* name;  // null for the dynamic part
    };

    // An access, and the memory that it goes to.
    struct Access
    {
        uintptr_t address;
        size_t bytes;
        unsigned flags;
        const void* code;

        bool writes() const { return (flags & access_write) != 0; }
        bool atomic() const { return (flags & access_atomic) != 0; }
        bool reads() const { return !writes() || atomic(); }

        // Scalars and vectors are aligned to their size; the compiler says where it cannot promise that.
        bool promises_alignment() const
        {
            return (flags & access_unaligned) == 0 && bytes <= 16 && (bytes & (bytes - 1)) == 0;
        }
    };
    struct Target
    {
        Shadow* shadow;
        size_t offset;
        uint32_t epoch;
        const SharedRange* shared;  // null for global memory
    };

    bool find_shared(const Access& access, Target& target);
    bool find_module_data(const Access& access, Target& target);
    bool is_own(const Access& access) const;
    [[noreturn]] void report_misaligned(const Access& access);
    [[noreturn]] void report_unwritten(const Access& access, const Target& target);
    void check_written(const Access& access, const Target& target);
    void check_race(const Access& access, const Target& target);
    std::string describe(const Access& access, const Target& target) const;
    std::string at(const void* code) const;
    std::string describe_thread(uint32_t block, unsigned thread) const;
    [[noreturn]] void report_race(const Access& access, const Target& target, const AccessRecord& earlier);
    [[noreturn]] void report_out_of_bounds(const Access& access);

    const Memory& memory_;
    BlockRunner* runner_ = nullptr;
    RaceDetector races_;
    std::vector<SharedRange> shared_ranges_;
    std::unique_ptr<Shadow> shared_shadow_;
    size_t shared_bytes_ = 0;
    uint32_t shared_epoch_ = 0;
    uintptr_t code_base_ = 0;
};
}

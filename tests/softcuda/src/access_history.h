// What the race detector remembers of the accesses to a word of memory.
#pragma once
#include <cstdint>

#include "abi.h"

namespace softcuda
{
// One access as it is remembered, in few bits: a word of memory has several. Packed by hand, because the compiler's
// bit-fields are written byte by byte and read as words, which stalls at every access.
class AccessRecord
{
public:
    static constexpr uint32_t last_time = (1u << 28) - 1;
    static constexpr uint32_t last_code = (1u << 20) - 1;

    AccessRecord() = default;
    AccessRecord(uint32_t block, unsigned thread, uint32_t time, uint32_t code, bool write, bool atomic)
        : block_(block),
          time_and_bytes_(time << 4),
          who_(code << 12 | thread << 2 | (write ? write_bit : 0) | (atomic ? atomic_bit : 0))
    {
    }

    uint32_t block() const { return block_; }
    uint32_t time() const { return time_and_bytes_ >> 4; }
    unsigned thread() const { return who_ >> 2 & (max_threads_per_block - 1); }
    uint32_t code() const { return who_ >> 12; }  // offset of the instruction in its module; 0 if too large for that
    bool write() const { return (who_ & write_bit) != 0; }
    bool atomic() const { return (who_ & atomic_bit) != 0; }
    uint32_t bytes() const { return time_and_bytes_ & 15; }  // which bytes of the word

    // The same access to these bytes of a word.
    AccessRecord to(uint32_t bytes) const
    {
        AccessRecord record = *this;
        record.time_and_bytes_ |= bytes;
        return record;
    }

    bool same_thread(const AccessRecord& other) const
    {
        return block_ == other.block_ && ((who_ ^ other.who_) & thread_bits) == 0;
    }

    bool same_time(const AccessRecord& other) const { return (time_and_bytes_ ^ other.time_and_bytes_) < 16; }

    bool conflicts(const AccessRecord& other) const
    {
        return (time_and_bytes_ & other.time_and_bytes_ & 15) != 0 && ((who_ | other.who_) & write_bit) != 0 &&
               (who_ & other.who_ & atomic_bit) == 0;
    }

    // Whether any later access that conflicts with `other` conflicts with this one too.
    bool stands_for(const AccessRecord& other) const
    {
        return (~time_and_bytes_ & other.time_and_bytes_ & 15) == 0 && (~who_ & other.who_ & write_bit) == 0 &&
               (who_ & ~other.who_ & atomic_bit) == 0;
    }

private:
    static constexpr uint32_t write_bit = 1;
    static constexpr uint32_t atomic_bit = 2;
    static constexpr uint32_t thread_bits = (max_threads_per_block - 1) << 2;

    uint32_t block_;
    uint32_t time_and_bytes_;
    uint32_t who_;
};

// What is remembered about a word of memory: the accesses that a later one may still race with.
// One line of the cache, since a checked kernel touches one for each of its accesses.
struct alignas(64) WordHistory
{
    static constexpr unsigned capacity = 4;

    uint32_t epoch;  // the launch (global memory) or the run of a block (shared memory) that the records belong to
    uint32_t count;
    AccessRecord records[capacity];  // oldest first

    // Whether an access would add nothing: one that stands for it is here, of the same thread at the same time.
    bool remembers(uint32_t present_epoch, const AccessRecord& record) const
    {
        for (unsigned i = 0; epoch == present_epoch && i < count; i++)
        {
            const AccessRecord& earlier = records[i];
            if (earlier.same_thread(record) && earlier.same_time(record) && earlier.stands_for(record))
            {
                return true;
            }
        }
        return false;
    }
};
}

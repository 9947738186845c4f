// Finds data races: two accesses to the same byte, at least one a write and at least one not atomic, that nothing
// orders.
//
// What orders accesses. Within a block: program order, block barriers (everyone before, everyone after), warp operations
// (among their participants). Between blocks: an atomic operation that reads what another published. A thread publishes
// with an atomic operation what it and those before it had done when it last called a fence; the reader has it after a
// fence of its own. That is the pattern by which the last block of a grid reads what all blocks wrote:
//     write; __syncthreads; thread 0: __threadfence, atomicAdd on a counter; the last one: __threadfence, read.
//
// Time is counted per block: a tick at each barrier, warp operation and fence.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

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

// What someone knows to have happened: per block, everything before a time, and more of single threads.
class Knowledge
{
public:
    void add(uint32_t block, uint32_t before);
    void add(uint32_t block, unsigned thread, uint32_t before);
    void add(const Knowledge& other);
    bool holds(const AccessRecord& record) const;

private:
    struct OfBlock
    {
        uint32_t before = 0;
        std::map<unsigned, uint32_t> of_thread;
    };
    std::map<uint32_t, OfBlock> blocks_;
};

class RaceDetector
{
public:
    // A new launch: what earlier ones did is ordered before it.
    void begin_grid();
    void begin_block(uint32_t block, unsigned threads);

    void barrier();
    void warp(unsigned warp, unsigned participants, unsigned living);
    void fence(unsigned thread, FenceScope scope);

    // An atomic operation on the address: publishes, and takes what others have published there.
    void atomic(unsigned thread, uintptr_t address);

    // Remembers an access to a word that does not remember it yet; returns a remembered one that it races with, or null. The record is valid until
    // the next call.
    const AccessRecord* access(WordHistory& word, uint32_t epoch, const AccessRecord& record);

    uint32_t time(unsigned thread) const { return times_[thread]; }

    // Whether a fence would have ordered the record: it was published to the thread, but never fenced for.
    bool lacks_fence(const AccessRecord& record, unsigned thread) const;

private:
    using Known = std::shared_ptr<const Knowledge>;

    // Of a thread, or of all threads of the block since the last barrier. Most kernels have none.
    struct Publication
    {
        Known fenced;           // what an atomic operation publishes to every block
        Known fenced_in_block;  // what it publishes to its own block only
        Known taken;            // what atomic operations have read, before a fence
        Known known;            // the same after a fence
        void add(const Publication& other);
    };

    struct SyncVariable
    {
        Known published;
        Known published_in_block;
        uint32_t block = 0;
    };

    static void join(Known& to, const Known& from);
    void remember(WordHistory& word, const AccessRecord& record) const;

    bool ordered(const AccessRecord& earlier, unsigned thread) const;
    bool superseded(const WordHistory& word, unsigned index, const AccessRecord& record) const;
    bool before_barrier(const AccessRecord& earlier) const
    {
        return earlier.block() == block_ && earlier.time() < floor_;
    }
    bool ordered_in_block(const AccessRecord& earlier, unsigned thread) const;
    Known everything_before(unsigned thread) const;
    uint32_t seen_by(unsigned thread, unsigned other) const;

    uint32_t block_ = 0;
    unsigned threads_ = 0;
    uint32_t tick_ = 0;
    uint32_t floor_ = 0;  // everything of the block before this time is ordered before everything now
    std::vector<uint32_t> times_;
    std::vector<uint32_t> warp_floors_;  // the same among the threads of a warp
    // Per warp, once an operation has taken only a part of it: [lane][other lane], the time before which the lane knows
    // what the other has done.
    std::vector<std::vector<uint32_t>> seen_;

    Publication of_block_;
    std::unordered_map<unsigned, Publication> of_thread_;
    std::unordered_map<uintptr_t, SyncVariable> variables_;
    AccessRecord found_{};
};
}

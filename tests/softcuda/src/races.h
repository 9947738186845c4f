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
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "abi.h"
#include "access_history.h"
#include "knowledge.h"

namespace softcuda
{
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

    // Remembers an access to a word that does not remember it yet. Returns a remembered one that it races with, or null;
    // valid until the next call.
    const AccessRecord* access(WordHistory& word, uint32_t epoch, const AccessRecord& record);

    uint32_t time(unsigned thread) const { return times_[thread]; }

    // Whether a fence would have ordered the record: it was published to the thread, but never fenced for.
    bool lacks_fence(const AccessRecord& record, unsigned thread) const;

private:
    // What fences and atomic operations have done for a thread, or for all threads of the block before the last barrier.
    // Most kernels have none of it.
    struct Exchange
    {
        std::shared_ptr<const Knowledge> fenced;           // what an atomic operation publishes to every block
        std::shared_ptr<const Knowledge> fenced_in_block;  // what it publishes to its own block
        KnowledgeRefs taken;                               // what atomic operations have read, before a fence
        KnowledgeRefs known;                               // the same after a fence
    };

    struct SyncVariable
    {
        KnowledgeLog* published = nullptr;
        KnowledgeLog* published_in_block = nullptr;
        uint32_t block = 0;
    };

    KnowledgeLog* new_log();
    Exchange joined(const std::vector<const Exchange*>& exchanges) const;
    void remember(WordHistory& word, const AccessRecord& record) const;

    bool ordered(const AccessRecord& earlier, unsigned thread) const;
    bool superseded(const WordHistory& word, unsigned index, const AccessRecord& record) const;
    bool before_barrier(const AccessRecord& earlier) const
    {
        return earlier.block() == block_ && earlier.time() < floor_;
    }
    bool ordered_in_block(const AccessRecord& earlier, unsigned thread) const;
    std::shared_ptr<const Knowledge> everything_before(unsigned thread, const KnowledgeRefs& known) const;
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

    Exchange of_block_;
    std::unordered_map<unsigned, Exchange> of_thread_;
    std::unordered_map<uintptr_t, SyncVariable> variables_;
    std::vector<std::unique_ptr<KnowledgeLog>> logs_;  // of this launch
    AccessRecord found_{};
};
}

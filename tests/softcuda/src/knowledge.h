// Who knows what of other blocks' accesses: the part of happens-before that fences and atomic operations make.
//
// A grid may have tens of thousands of blocks, each of which tells all later ones what it and those before it did. So
// what an atomic operation publishes is appended to a log of the variable, and to have read the variable is to know the
// log up to its present end: nothing is copied.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "access_history.h"

namespace softcuda
{
class KnowledgeLog;

// Logs, each up to some length. The detector owns the logs for as long as the launch lasts.
class KnowledgeRefs
{
public:
    // All that is in the log now.
    void add(const KnowledgeLog& log);
    void add(const KnowledgeRefs& other);
    bool holds(const AccessRecord& record) const;
    bool empty() const { return refs_.empty(); }

    // Without one log.
    KnowledgeRefs without(const KnowledgeLog& log) const;

private:
    struct Ref
    {
        const KnowledgeLog* log;
        size_t length;
    };
    void add(const Ref& added);

    std::vector<Ref> refs_;
};

// Accesses of the threads of one block.
class BlockKnowledge
{
public:
    // All accesses of the block, of a warp, of a thread, before a time. For a thread, `last` is the time of the latest
    // of them.
    void know_all(uint32_t before) { before_ = before; }
    void know_warp(unsigned warp, uint32_t before) { warps_.push_back({warp, before, before}); }
    void know_thread(unsigned thread, uint32_t before, uint32_t last) { threads_.push_back({thread, before, last}); }

    bool holds(const AccessRecord& record) const;

    // Takes in what others of the same block know. threads: how many the block has.
    void add(const std::vector<const BlockKnowledge*>& others, unsigned threads);

private:
    struct Part
    {
        unsigned number;  // of the thread or the warp
        uint32_t before;
        uint32_t last;
    };
    static void keep_latest(std::vector<Part>& parts);
    static bool holds(const std::vector<Part>& parts, unsigned number, uint32_t time);
    void summarise(unsigned threads);

    uint32_t before_ = 0;
    std::vector<Part> warps_;
    std::vector<Part> threads_;
};

// What a thread had done and knew when it called a fence.
struct Knowledge
{
    BlockKnowledge block;  // of its own block
    KnowledgeRefs refs;    // of others

    // What several threads of a block know together; null for none.
    static std::shared_ptr<const Knowledge> joined(const std::vector<const Knowledge*>& parts, unsigned threads);
};

// All that was published by atomic operations on one variable, in order.
class KnowledgeLog
{
public:
    // knowledge may be null: the thread had called no fence.
    void append(uint32_t block, const std::shared_ptr<const Knowledge>& knowledge);
    size_t length() const { return entries_.size(); }

    // Whether one of the first `length` entries knows of the access.
    bool holds(const AccessRecord& record, size_t length) const;

private:
    std::vector<std::shared_ptr<const Knowledge>> entries_;
    std::unordered_map<uint32_t, std::vector<size_t>> entries_of_block_;
    std::vector<std::pair<size_t, KnowledgeRefs>> beyond_;  // entries that know other logs too
};
}

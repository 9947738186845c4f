#include "knowledge.h"

#include <algorithm>

namespace softcuda
{
void KnowledgeRefs::add(const KnowledgeLog& log)
{
    if (log.length() != 0)
    {
        add(Ref{&log, log.length()});
    }
}

void KnowledgeRefs::add(const Ref& added)
{
    for (Ref& ref : refs_)
    {
        if (ref.log == added.log)
        {
            ref.length = std::max(ref.length, added.length);
            return;
        }
    }
    refs_.push_back(added);
}

void KnowledgeRefs::add(const KnowledgeRefs& other)
{
    for (const Ref& ref : other.refs_)
    {
        add(ref);
    }
}

bool KnowledgeRefs::holds(const AccessRecord& record) const
{
    return std::any_of(refs_.begin(), refs_.end(),
                       [&record](const Ref& ref) { return ref.log->holds(record, ref.length); });
}

KnowledgeRefs KnowledgeRefs::without(const KnowledgeLog& log) const
{
    KnowledgeRefs others;
    for (const Ref& ref : refs_)
    {
        if (ref.log != &log)
        {
            others.refs_.push_back(ref);
        }
    }
    return others;
}

bool BlockKnowledge::holds(const std::vector<Part>& parts, unsigned number, uint32_t time)
{
    return std::any_of(parts.begin(), parts.end(),
                       [=](const Part& part) { return part.number == number && time < part.before; });
}

bool BlockKnowledge::holds(const AccessRecord& record) const
{
    return record.time() < before_ || holds(warps_, record.thread() / warp_size, record.time()) ||
           holds(threads_, record.thread(), record.time());
}

void BlockKnowledge::keep_latest(std::vector<Part>& parts)
{
    std::sort(parts.begin(), parts.end(),
              [](const Part& left, const Part& right)
              { return left.number != right.number ? left.number < right.number : left.before > right.before; });
    auto same = [](const Part& left, const Part& right) { return left.number == right.number; };
    parts.erase(std::unique(parts.begin(), parts.end(), same), parts.end());
}

void BlockKnowledge::add(const std::vector<const BlockKnowledge*>& others, unsigned threads)
{
    for (const BlockKnowledge* other : others)
    {
        before_ = std::max(before_, other->before_);
        warps_.insert(warps_.end(), other->warps_.begin(), other->warps_.end());
        threads_.insert(threads_.end(), other->threads_.begin(), other->threads_.end());
    }
    keep_latest(warps_);
    keep_latest(threads_);
    summarise(threads);
}

// Where all threads of the block have called a fence, one number says nearly all: everything before the earliest of the
// fences. What a thread did up to its last access before a fence needs no more words if that is included.
void BlockKnowledge::summarise(unsigned threads)
{
    if (threads_.size() == threads)
    {
        auto earlier = [](const Part& left, const Part& right) { return left.before < right.before; };
        before_ = std::max(before_, std::min_element(threads_.begin(), threads_.end(), earlier)->before);
    }
    auto said = [this](const Part& part) { return part.last < before_; };
    threads_.erase(std::remove_if(threads_.begin(), threads_.end(), said), threads_.end());
    auto said_of_warp = [this](const Part& part) { return part.before <= before_; };
    warps_.erase(std::remove_if(warps_.begin(), warps_.end(), said_of_warp), warps_.end());
}

std::shared_ptr<const Knowledge> Knowledge::joined(const std::vector<const Knowledge*>& parts, unsigned threads)
{
    if (parts.empty())
    {
        return nullptr;
    }
    auto all = std::make_shared<Knowledge>();
    std::vector<const BlockKnowledge*> blocks;
    for (const Knowledge* part : parts)
    {
        blocks.push_back(&part->block);
        all->refs.add(part->refs);
    }
    all->block.add(blocks, threads);
    return all;
}

void KnowledgeLog::append(uint32_t block, const std::shared_ptr<const Knowledge>& knowledge)
{
    if (knowledge == nullptr)
    {
        return;
    }
    std::vector<size_t>& of_block = entries_of_block_[block];
    if (!of_block.empty() && entries_[of_block.back()] == knowledge)
    {
        return;
    }
    of_block.push_back(entries_.size());
    // An entry comes after all earlier ones of this log that its maker knew: who knows it knows those.
    KnowledgeRefs others = knowledge->refs.without(*this);
    if (!others.empty())
    {
        beyond_.push_back({entries_.size(), others});
    }
    entries_.push_back(knowledge);
}

bool KnowledgeLog::holds(const AccessRecord& record, size_t length) const
{
    auto of_block = entries_of_block_.find(record.block());
    if (of_block != entries_of_block_.end())
    {
        for (size_t entry : of_block->second)
        {
            if (entry < length && entries_[entry]->block.holds(record))
            {
                return true;
            }
        }
    }
    return std::any_of(beyond_.begin(), beyond_.end(),
                       [&](const auto& entry) { return entry.first < length && entry.second.holds(record); });
}
}

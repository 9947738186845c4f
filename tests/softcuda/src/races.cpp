#include "races.h"

#include <algorithm>

namespace softcuda
{
namespace
{
constexpr size_t seen_entries = warp_size * warp_size;
}

void Knowledge::add(uint32_t block, uint32_t before)
{
    OfBlock& of = blocks_[block];
    of.before = std::max(of.before, before);
}

void Knowledge::add(uint32_t block, unsigned thread, uint32_t before)
{
    uint32_t& of = blocks_[block].of_thread[thread];
    of = std::max(of, before);
}

void Knowledge::add(const Knowledge& other)
{
    for (const auto& [block, of] : other.blocks_)
    {
        add(block, of.before);
        for (const auto& [thread, before] : of.of_thread)
        {
            add(block, thread, before);
        }
    }
}

bool Knowledge::holds(const AccessRecord& record) const
{
    auto of = blocks_.find(record.block());
    if (of == blocks_.end())
    {
        return false;
    }
    auto thread = of->second.of_thread.find(record.thread());
    return record.time() < of->second.before || (thread != of->second.of_thread.end() && record.time() < thread->second);
}

void RaceDetector::join(Known& to, const Known& from)
{
    if (from == nullptr || from == to)
    {
        return;
    }
    if (to == nullptr)
    {
        to = from;
        return;
    }
    auto both = std::make_shared<Knowledge>(*to);
    both->add(*from);
    to = both;
}

void RaceDetector::Publication::add(const Publication& other)
{
    join(fenced, other.fenced);
    join(fenced_in_block, other.fenced_in_block);
    join(taken, other.taken);
    join(known, other.known);
}

void RaceDetector::begin_grid()
{
    variables_.clear();
}

void RaceDetector::begin_block(uint32_t block, unsigned threads)
{
    block_ = block;
    threads_ = threads;
    tick_ = 1;
    floor_ = 0;
    times_.assign(threads, tick_);
    unsigned warps = (threads + warp_size - 1) / warp_size;
    warp_floors_.assign(warps, 0);
    seen_.assign(warps, {});
    of_block_ = {};
    of_thread_.clear();
}

void RaceDetector::barrier()
{
    floor_ = ++tick_;
    std::fill(times_.begin(), times_.end(), tick_);
    for (const auto& [thread, publication] : of_thread_)
    {
        of_block_.add(publication);
    }
    of_thread_.clear();
}

void RaceDetector::warp(unsigned warp, unsigned participants, unsigned living)
{
    unsigned first = warp * warp_size;
    uint32_t now = ++tick_;
    auto for_each = [participants](auto visit)
    {
        for (unsigned lanes = participants; lanes != 0; lanes &= lanes - 1)
        {
            visit(static_cast<unsigned>(__builtin_ctz(lanes)));
        }
    };
    for_each([&](unsigned lane) { times_[first + lane] = now; });
    if (participants == living)
    {
        warp_floors_[warp] = now;
    }
    else
    {
        std::vector<uint32_t>& seen = seen_[warp];
        seen.resize(seen_entries, 0);
        std::vector<uint32_t> together(warp_size, 0);
        for_each(
            [&](unsigned lane)
            {
                for (unsigned other = 0; other < warp_size; other++)
                {
                    together[other] = std::max(together[other], seen[lane * warp_size + other]);
                }
            });
        for_each([&](unsigned lane) { together[lane] = now; });
        for_each([&](unsigned lane)
                 { std::copy(together.begin(), together.end(), seen.begin() + lane * warp_size); });
    }
    if (of_thread_.empty())
    {
        return;
    }
    Publication all;
    bool any = false;
    for_each(
        [&](unsigned lane)
        {
            auto own = of_thread_.find(first + lane);
            if (own != of_thread_.end())
            {
                all.add(own->second);
                any = true;
            }
        });
    if (any)
    {
        for_each([&](unsigned lane) { of_thread_[first + lane] = all; });
    }
}

// The time before which `thread` knows what `other`, of the same warp, has done.
uint32_t RaceDetector::seen_by(unsigned thread, unsigned other) const
{
    unsigned warp = thread / warp_size;
    uint32_t before = std::max(floor_, warp_floors_[warp]);
    const std::vector<uint32_t>& seen = seen_[warp];
    return seen.empty() ? before : std::max(before, seen[thread % warp_size * warp_size + other % warp_size]);
}

RaceDetector::Known RaceDetector::everything_before(unsigned thread) const
{
    auto all = std::make_shared<Knowledge>();
    all->add(block_, floor_);
    unsigned first = thread / warp_size * warp_size;
    for (unsigned other = first; other < std::min(first + warp_size, threads_); other++)
    {
        all->add(block_, other, other == thread ? times_[thread] : seen_by(thread, other));
    }
    auto own = of_thread_.find(thread);
    for (const Known& known : {of_block_.known, own != of_thread_.end() ? own->second.known : nullptr})
    {
        if (known != nullptr)
        {
            all->add(*known);
        }
    }
    return all;
}

void RaceDetector::fence(unsigned thread, FenceScope scope)
{
    // What comes after the fence is later than what it covers.
    times_[thread] = ++tick_;
    Publication& own = of_thread_[thread];
    join(own.known, own.taken);
    join(own.known, of_block_.taken);
    Known all = everything_before(thread);
    join(own.fenced_in_block, all);
    if (scope != FenceScope::block)
    {
        join(own.fenced, all);
    }
}

void RaceDetector::atomic(unsigned thread, uintptr_t address)
{
    auto own = of_thread_.find(thread);
    Publication publication = of_block_;
    if (own != of_thread_.end())
    {
        publication.add(own->second);
    }
    bool publishes = publication.fenced != nullptr || publication.fenced_in_block != nullptr;
    auto variable = variables_.find(address);
    if (!publishes && variable == variables_.end())
    {
        return;
    }
    SyncVariable& there = variables_[address];
    if (there.block != block_)
    {
        there.published_in_block = nullptr;
        there.block = block_;
    }
    Publication& mine = of_thread_[thread];
    join(mine.taken, there.published);
    join(mine.taken, there.published_in_block);
    join(there.published, publication.fenced);
    join(there.published_in_block, publication.fenced_in_block);
}

bool RaceDetector::ordered_in_block(const AccessRecord& earlier, unsigned thread) const
{
    if (earlier.time() < floor_)
    {
        return true;
    }
    return earlier.thread() / warp_size == thread / warp_size && earlier.time() < seen_by(thread, earlier.thread());
}

bool RaceDetector::ordered(const AccessRecord& earlier, unsigned thread) const
{
    if (earlier.block() == block_ && (earlier.thread() == thread || ordered_in_block(earlier, thread)))
    {
        return true;
    }
    if (of_block_.known != nullptr && of_block_.known->holds(earlier))
    {
        return true;
    }
    if (of_thread_.empty())
    {
        return false;
    }
    auto own = of_thread_.find(thread);
    return own != of_thread_.end() && own->second.known != nullptr && own->second.known->holds(earlier);
}

bool RaceDetector::lacks_fence(const AccessRecord& record, unsigned thread) const
{
    auto own = of_thread_.find(thread);
    bool taken_by_block = of_block_.taken != nullptr && of_block_.taken->holds(record);
    return taken_by_block ||
           (own != of_thread_.end() && own->second.taken != nullptr && own->second.taken->holds(record));
}

const AccessRecord* RaceDetector::access(WordHistory& word, uint32_t epoch, const AccessRecord& record)
{
    if (word.epoch != epoch)
    {
        word.epoch = epoch;
        word.count = 1;
        word.records[0] = record;
        return nullptr;
    }
    for (unsigned i = 0; i < word.count; i++)
    {
        const AccessRecord& earlier = word.records[i];
        if (earlier.conflicts(record) && !ordered(earlier, record.thread()) && !superseded(word, i, record))
        {
            found_ = earlier;
            return &found_;
        }
    }
    remember(word, record);
    return nullptr;
}

// Atomic operations on a word are in an order of their own. Who comes after one of them comes after all before it: so
// may the last block set its counter back with a plain write.
bool RaceDetector::superseded(const WordHistory& word, unsigned index, const AccessRecord& record) const
{
    const AccessRecord& earlier = word.records[index];
    for (unsigned i = index + 1; earlier.atomic() && i < word.count; i++)
    {
        const AccessRecord& later = word.records[i];
        if (later.atomic() && later.bytes() == earlier.bytes() && ordered(later, record.thread()))
        {
            return true;
        }
    }
    return false;
}

// Blocks run one after another, so a record of another block is of one that has ended: whatever comes later and is not
// ordered after the new access, is not ordered after that record either, or was told of both. So reads by a few threads
// are as good as reads by all.
void RaceDetector::remember(WordHistory& word, const AccessRecord& record) const
{
    unsigned kept = 0;
    unsigned reads = 0;
    for (unsigned i = 0; i < word.count; i++)
    {
        const AccessRecord& earlier = word.records[i];
        bool over = record.stands_for(earlier) && (before_barrier(earlier) || earlier.same_thread(record));
        if (!over)
        {
            reads += !earlier.write();
            if (kept != i)
            {
                word.records[kept] = earlier;
            }
            kept++;
        }
    }
    word.count = kept;
    if (kept < WordHistory::capacity)
    {
        word.records[kept] = record;
        word.count++;
    }
    else if (record.write() || reads < WordHistory::capacity)
    {
        // The oldest read makes room, or else the oldest record.
        unsigned victim = 0;
        while (victim < WordHistory::capacity && word.records[victim].write())
        {
            victim++;
        }
        victim %= WordHistory::capacity;
        std::copy(word.records + victim + 1, word.records + WordHistory::capacity, word.records + victim);
        word.records[WordHistory::capacity - 1] = record;
    }
}
}

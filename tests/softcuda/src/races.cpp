#include "races.h"

#include <algorithm>

namespace softcuda
{
namespace
{
constexpr size_t seen_entries = warp_size * warp_size;
}

void RaceDetector::begin_grid()
{
    of_block_ = {};
    of_thread_.clear();
    variables_.clear();
    logs_.clear();
}

KnowledgeLog* RaceDetector::new_log()
{
    logs_.push_back(std::make_unique<KnowledgeLog>());
    return logs_.back().get();
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
    if (of_thread_.empty())
    {
        return;
    }
    std::vector<const Exchange*> all = {&of_block_};
    for (const auto& [thread, exchange] : of_thread_)
    {
        all.push_back(&exchange);
    }
    of_block_ = joined(all);
    of_thread_.clear();
}

// What each of the parties had, all have together.
RaceDetector::Exchange RaceDetector::joined(const std::vector<const Exchange*>& exchanges) const
{
    Exchange all;
    std::vector<const Knowledge*> fenced;
    std::vector<const Knowledge*> fenced_in_block;
    for (const Exchange* exchange : exchanges)
    {
        if (exchange->fenced != nullptr)
        {
            fenced.push_back(exchange->fenced.get());
        }
        if (exchange->fenced_in_block != nullptr)
        {
            fenced_in_block.push_back(exchange->fenced_in_block.get());
        }
        all.taken.add(exchange->taken);
        all.known.add(exchange->known);
    }
    all.fenced = Knowledge::joined(fenced, threads_);
    all.fenced_in_block = fenced == fenced_in_block ? all.fenced : Knowledge::joined(fenced_in_block, threads_);
    return all;
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
    std::vector<const Exchange*> some;
    for_each(
        [&](unsigned lane)
        {
            auto own = of_thread_.find(first + lane);
            if (own != of_thread_.end())
            {
                some.push_back(&own->second);
            }
        });
    if (!some.empty())
    {
        Exchange all = joined(some);
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

std::shared_ptr<const Knowledge> RaceDetector::everything_before(unsigned thread, const KnowledgeRefs& known) const
{
    auto all = std::make_shared<Knowledge>();
    all->refs = known;
    all->block.know_all(floor_);
    unsigned warp = thread / warp_size;
    all->block.know_warp(warp, warp_floors_[warp]);
    for (unsigned lane = 0; lane < seen_[warp].size() / warp_size; lane++)
    {
        unsigned other = warp * warp_size + lane;
        all->block.know_thread(other, seen_by(thread, other), seen_by(thread, other));
    }
    all->block.know_thread(thread, tick_, times_[thread]);
    return all;
}

void RaceDetector::fence(unsigned thread, FenceScope scope)
{
    ++tick_;
    Exchange& own = of_thread_[thread];
    own.known.add(own.taken);
    own.known.add(of_block_.taken);
    own.known.add(of_block_.known);
    own.fenced_in_block = everything_before(thread, own.known);
    if (scope != FenceScope::block)
    {
        own.fenced = own.fenced_in_block;
    }
    // What comes after the fence is later than what it covers.
    times_[thread] = tick_;
}

void RaceDetector::atomic(unsigned thread, uintptr_t address)
{
    auto own = of_thread_.find(thread);
    bool has_own = own != of_thread_.end();
    // A thread's own fence came after the barrier, and covers what the block's did. Copies, since what follows may move
    // what they come from.
    const std::shared_ptr<const Knowledge> fenced =
        has_own && own->second.fenced != nullptr ? own->second.fenced : of_block_.fenced;
    const std::shared_ptr<const Knowledge> fenced_in_block =
        has_own && own->second.fenced_in_block != nullptr ? own->second.fenced_in_block : of_block_.fenced_in_block;
    if (fenced_in_block == nullptr && variables_.find(address) == variables_.end())
    {
        return;
    }
    SyncVariable& variable = variables_[address];
    if (variable.published == nullptr)
    {
        variable.published = new_log();
    }
    if (variable.block != block_)
    {
        variable.published_in_block = nullptr;
        variable.block = block_;
    }
    if (variable.published_in_block == nullptr && fenced_in_block != fenced)
    {
        variable.published_in_block = new_log();
    }
    Exchange& mine = of_thread_[thread];
    mine.taken.add(*variable.published);
    variable.published->append(block_, fenced);
    if (variable.published_in_block != nullptr)
    {
        mine.taken.add(*variable.published_in_block);
        variable.published_in_block->append(block_, fenced_in_block);
    }
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
    if (of_block_.known.holds(earlier))
    {
        return true;
    }
    if (of_thread_.empty())
    {
        return false;
    }
    auto own = of_thread_.find(thread);
    return own != of_thread_.end() && own->second.known.holds(earlier);
}

bool RaceDetector::lacks_fence(const AccessRecord& record, unsigned thread) const
{
    auto own = of_thread_.find(thread);
    return of_block_.taken.holds(record) || (own != of_thread_.end() && own->second.taken.holds(record));
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

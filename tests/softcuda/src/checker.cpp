#include "checker.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "counters.h"
#include "memory.h"
#include "module.h"
#include "report.h"
#include "scheduler.h"

namespace softcuda
{
namespace
{
constexpr size_t word_bytes = 4;

// What a GPU moves at a time.
constexpr size_t sector_bytes = 32;

size_t words_of(size_t bytes)
{
    return (bytes + word_bytes - 1) / word_bytes;
}

// Mapped, not allocated: a page that nothing touches costs nothing, and begins as zeros.
void* map_zeros(size_t bytes)
{
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
    {
        throw std::bad_alloc();
    }
    return memory;
}
}

Shadow::Shadow(size_t bytes)
    : bytes_(bytes),
      written_(static_cast<unsigned char*>(map_zeros(bytes))),
      words_(static_cast<WordHistory*>(map_zeros(words_of(bytes) * sizeof(WordHistory))))
{
}

Shadow::~Shadow()
{
    munmap(written_, bytes_);
    munmap(words_, words_of(bytes_) * sizeof(WordHistory));
}

void Shadow::forget_written()
{
    std::memset(written_, 0, bytes_);
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

bool Shadow::is_new_sector(size_t word, uint32_t epoch) const
{
    if (words_[word].epoch == epoch)
    {
        return false;
    }
    constexpr size_t words = sector_bytes / word_bytes;
    const size_t first = word / words * words;
    const size_t last = std::min(first + words, words_of(bytes_));
    return std::none_of(words_ + first, words_ + last,
                        [epoch](const WordHistory& history) { return history.epoch == epoch; });
}

BlockChecker::BlockChecker() : memory_(Memory::instance())
{
}

void BlockChecker::begin_grid(BlockRunner& runner)
{
    runner_ = &runner;
    races_.begin_grid();
    const Function& function = *runner.grid().function;
    code_base_ = function.module->load_begin();
    shared_ranges_.clear();
    size_t offset = 0;
    auto add = [&](const void* begin, size_t bytes, const std::string* name)
    {
        shared_ranges_.push_back({reinterpret_cast<uintptr_t>(begin), bytes, offset, name});
        offset += words_of(bytes) * word_bytes;
    };
    for (const SharedVariable& variable : function.shared)
    {
        add(runner.thread_local_address(variable.offset), variable.size, &variable.name);
    }
    if (runner.grid().dynamic_shared != 0)
    {
        add(runner.state().dynamic_shared, runner.grid().dynamic_shared, nullptr);
    }
    if (offset != 0 && (shared_shadow_ == nullptr || offset != shared_bytes_))
    {
        shared_shadow_ = std::make_unique<Shadow>(offset);
        shared_bytes_ = offset;
    }
}

void BlockChecker::begin_block(unsigned long long number)
{
    races_.begin_block(static_cast<uint32_t>(number), runner_->state().thread_count);
    shared_epoch_++;
    if (!shared_ranges_.empty())
    {
        shared_shadow_->forget_written();
    }
}

void BlockChecker::barrier_released()
{
    races_.barrier();
}

void BlockChecker::warp_synchronised(unsigned warp, unsigned lanes)
{
    races_.warp(warp, lanes, runner_->state().lanes_alive[warp]);
}

void BlockChecker::fence(FenceScope scope)
{
    races_.fence(runner_->state().current, scope);
}

inline void BlockChecker::check_written(const Access& access, const Target& target)
{
    if (access.reads() && !target.shadow->all_written(target.offset, access.bytes))
    {
        report_unwritten(access, target);
    }
    if (access.writes())
    {
        target.shadow->mark_written(target.offset, access.bytes);
    }
}

inline void BlockChecker::check_race(const Access& access, const Target& target)
{
    unsigned thread = runner_->state().current;
    if (access.atomic())
    {
        races_.atomic(thread, access.address);
    }
    uintptr_t code = reinterpret_cast<uintptr_t>(access.code) - code_base_;
    AccessRecord whole(static_cast<uint32_t>(runner_->block_number()), thread,
                       races_.time(thread) & AccessRecord::last_time,
                       code <= AccessRecord::last_code ? static_cast<uint32_t>(code) : 0, access.writes(),
                       access.atomic());
    size_t end = target.offset + access.bytes;
    for (size_t word = target.offset / word_bytes; word * word_bytes < end; word++)
    {
        size_t first = std::max(target.offset, word * word_bytes) - word * word_bytes;
        size_t last = std::min(end, (word + 1) * word_bytes) - word * word_bytes;
        AccessRecord record = whole.to((1u << last) - (1u << first));
        WordHistory& history = target.shadow->word(word);
        if (target.shared == nullptr && target.shadow->is_new_sector(word, target.epoch))
        {
            (access.writes() ? counters().bytes_written : counters().bytes_read) += sector_bytes;
        }
        if (history.remembers(target.epoch, record))
        {
            continue;
        }
        const AccessRecord* earlier = races_.access(history, target.epoch, record);
        if (earlier != nullptr)
        {
            report_race(access, target, *earlier);
        }
    }
}

void BlockChecker::access(const void* address, size_t size, unsigned flags, const void* code)
{
    Access access{reinterpret_cast<uintptr_t>(address), size, flags, code};
    Target target;
    Allocation* allocation = memory_.find(access.address);
    if (allocation != nullptr)
    {
        bool usable = allocation->live && allocation->holds(access.address, access.bytes) &&
                      allocation->device == runner_->grid().device;
        if (!usable)
        {
            report_out_of_bounds(access);
        }
        target = {allocation->shadow.get(), access.address - allocation->begin, runner_->grid().number, nullptr};
    }
    else if (is_own(access))
    {
        return;
    }
    else if (!find_shared(access, target) && !find_module_data(access, target))
    {
        report_out_of_bounds(access);
    }
    runner_->stop_if_interrupted();
    if (access.promises_alignment() && (access.address & (access.bytes - 1)) != 0)
    {
        report_misaligned(access);
    }
    if (target.shadow == nullptr)
    {
        return;  // pinned memory of the host
    }
    check_written(access, target);
    check_race(access, target);
}

// What the kernel may touch without being asked: its local variables, its arguments, and what its built-in variables
// and its launch are made of.
bool BlockChecker::is_own(const Access& access) const
{
    auto within = [&access](const void* begin, size_t bytes)
    { return access.address - reinterpret_cast<uintptr_t>(begin) < bytes; };
    return runner_->stacks().contains(reinterpret_cast<const void*>(access.address)) ||
           within(&runner_->state(), sizeof(BlockState)) || within(runner_, sizeof(BlockRunner)) ||
           within(runner_->grid().arguments, runner_->grid().arguments_bytes) ||
           within(&runtime_table, sizeof runtime_table);
}

bool BlockChecker::find_shared(const Access& access, Target& target)
{
    for (const SharedRange& range : shared_ranges_)
    {
        size_t offset = access.address - range.begin;
        if (offset < range.bytes && access.bytes <= range.bytes - offset)
        {
            target = {shared_shadow_.get(), range.shadow_offset + offset, shared_epoch_, &range};
            return true;
        }
    }
    return false;
}

bool BlockChecker::find_module_data(const Access& access, Target& target)
{
    const Module& module = *runner_->grid().function->module;
    if (module.owns(access.address, access.bytes))
    {
        target = {module.shadow(), access.address - module.data_begin(), runner_->grid().number, nullptr};
        return true;
    }
    PinnedRange pinned;
    target = {nullptr, 0, 0, nullptr};
    return Memory::instance().find_pinned(access.address, pinned) &&
           access.bytes <= pinned.size - (access.address - pinned.begin);
}

std::string BlockChecker::describe(const Access& access, const Target& target) const
{
    if (target.shared == nullptr)
    {
        return "global memory, " + (memory_.find(access.address) != nullptr
                                        ? memory_.describe(access.address)
                                        : std::string("a variable of the module"));
    }
    size_t byte = target.offset - target.shared->shadow_offset;
    return target.shared->name == nullptr
               ? format("shared memory, byte %zu of the dynamic part", byte)
               : format("shared memory, byte %zu of %s", byte, target.shared->name->c_str());
}

std::string BlockChecker::at(const void* code) const
{
    // A return address is past the call; the byte before it belongs to the access's line.
    std::string line = runner_->grid().function->module->source_line(reinterpret_cast<uintptr_t>(code) - 1);
    return line.empty() ? line : " at " + line;
}

std::string BlockChecker::describe_thread(uint32_t block, unsigned thread) const
{
    const uint3& shape = runner_->state().block_dim;
    const uint3& grid = runner_->state().grid_dim;
    return format("thread (%u,%u,%u) of block (%u,%u,%u)", thread % shape.x, thread / shape.x % shape.y,
                  thread / (shape.x * shape.y), block % grid.x, block / grid.x % grid.y, block / (grid.x * grid.y));
}

void BlockChecker::report_race(const Access& access, const Target& target, const AccessRecord& earlier)
{
    auto kind = [](bool writes, bool atomic) { return atomic ? "atomic operation" : writes ? "write" : "read"; };
    const void* earlier_code = reinterpret_cast<const void*>(code_base_ + earlier.code());
    unsigned thread = runner_->state().current;
    std::string hint = races_.lacks_fence(earlier, thread)
                           ? "; the atomic operation between them would order them if a __threadfence() followed it"
                           : "";
    runner_->fail(Result::launch_failed,
                  format("data race on %s: %s%s by %s and %s%s by %s%s", describe(access, target).c_str(),
                         kind(earlier.write(), earlier.atomic()), at(earlier_code).c_str(),
                         describe_thread(earlier.block(), earlier.thread()).c_str(), kind(access.writes(), access.atomic()),
                         at(access.code).c_str(),
                         describe_thread(static_cast<uint32_t>(runner_->block_number()), thread).c_str(),
                         hint.c_str()));
}

void BlockChecker::report_misaligned(const Access& access)
{
    runner_->fail(Result::misaligned_address,
                  format("misaligned %s of %zu bytes at 0x%zx%s", access.writes() ? "write" : "read", access.bytes,
                         access.address, at(access.code).c_str()));
}

void BlockChecker::report_unwritten(const Access& access, const Target& target)
{
    Access byte = access;
    Target place = target;
    place.offset = target.shadow->first_unwritten(target.offset, access.bytes);
    byte.address += place.offset - target.offset;
    runner_->fail(Result::launch_failed,
                  format("read of uninitialised %s%s", describe(byte, place).c_str(), at(access.code).c_str()));
}

void BlockChecker::report_out_of_bounds(const Access& access)
{
    const Allocation* allocation = memory_.find(access.address);
    bool elsewhere = allocation != nullptr && allocation->live && allocation->device != runner_->grid().device;
    std::string where = elsewhere               ? format("memory of device %d", allocation->device)
                        : allocation != nullptr ? memory_.describe(access.address)
                                                : std::string("not device memory");
    runner_->fail(Result::illegal_address,
                  format("%s of %zu bytes at 0x%zx is out of bounds: %s%s", access.writes() ? "write" : "read", access.bytes,
                         access.address, where.c_str(), at(access.code).c_str()));
}
}

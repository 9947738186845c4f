#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "checker.h"
#include "report.h"
#include "settings.h"

namespace softcuda
{
namespace
{
constexpr size_t buffer_alignment = 256;  // as cuMemAlloc promises
constexpr size_t front_guard = 256;
constexpr unsigned char poison = 0xff;

// What lies in a buffer's pages before it: less than a page and the guard that there must be.
constexpr size_t longest_guard = 4096 + front_guard;

// Buffers this large are not filled but mapped from a file of poison, so that one of several GiB costs no memory until
// it is written.
constexpr size_t large_buffer = size_t{16} << 20;

constexpr size_t quarantine_limit = size_t{4} << 30;  // of addresses: freed pages hold no memory
constexpr size_t quarantine_count_limit = 4096;

size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

bool all_poison(uintptr_t begin, uintptr_t end)
{
    static const std::vector<unsigned char> pattern(longest_guard, poison);
    const unsigned char* bytes = reinterpret_cast<const unsigned char*>(begin);
    return std::memcmp(bytes, pattern.data(), end - begin) == 0;
}

void make_inaccessible(uintptr_t begin, size_t bytes)
{
    // A new mapping in place of the old one also gives its memory back.
    mmap(reinterpret_cast<void*>(begin), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
         0);
}
}

Memory& Memory::instance()
{
    static Memory* memory = new Memory;  // never destroyed: handles may be released while the process ends
    return *memory;
}

Memory::Memory()
{
    void* arena =
        mmap(nullptr, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void* owners = mmap(nullptr, arena_bytes / page_bytes * sizeof(std::atomic<Allocation*>), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED || owners == MAP_FAILED)
    {
        throw std::bad_alloc();
    }
    arena_begin_ = reinterpret_cast<uintptr_t>(arena);
    arena_top_ = arena_begin_ + page_bytes;  // so that a small underrun of the first buffer is still inside
    owners_ = static_cast<std::atomic<Allocation*>*>(owners);
}

Allocation* Memory::find_live(uintptr_t address, size_t bytes) const
{
    Allocation* allocation = find(address);
    return allocation != nullptr && allocation->live && allocation->holds(address, bytes) ? allocation : nullptr;
}

Result Memory::allocate(size_t bytes, Device device, const void* context, DevicePointer& pointer)
{
    if (bytes == 0)
    {
        return Result::invalid_value;
    }
    if (take_alloc_failure())
    {
        return Result::out_of_memory;
    }
    std::lock_guard lock(mutex_);
    size_t capacity = settings().memory;
    if (bytes > capacity || used_[device] > capacity - bytes)
    {
        return Result::out_of_memory;
    }
    // The buffer ends as near to the faulting page as its alignment allows.
    size_t buffer_bytes = round_up(bytes, buffer_alignment);
    size_t mapped_bytes = round_up(buffer_bytes + front_guard, page_bytes);
    uintptr_t span;
    if (!take_span(mapped_bytes + page_bytes, span) || !map_fresh(span, mapped_bytes))
    {
        return Result::out_of_memory;
    }
    auto allocation = std::make_unique<Allocation>();
    allocation->mapped_begin = span;
    allocation->mapped_bytes = mapped_bytes;
    allocation->begin = span + mapped_bytes - buffer_bytes;
    allocation->size = bytes;
    allocation->device = device;
    allocation->context = context;
    allocation->live = true;
    if (settings().check)
    {
        allocation->shadow = std::make_unique<Shadow>(bytes);
    }
    set_owner(*allocation, allocation.get());
    used_[device] += bytes;
    pointer = allocation->begin;
    allocations_.emplace(allocation->begin, std::move(allocation));
    return Result::success;
}

Result Memory::free(DevicePointer pointer)
{
    std::lock_guard lock(mutex_);
    auto found = allocations_.find(pointer);
    if (found == allocations_.end())
    {
        return Result::invalid_value;
    }
    std::unique_ptr<Allocation> allocation = std::move(found->second);
    allocations_.erase(found);
    bool whole = guard_whole(*allocation);
    if (!whole)
    {
        report(format("error 700: write outside the buffer 0x%llx of %zu bytes, found when it was freed; the last "
                      "kernel was %s",
                      pointer, allocation->size, last_kernel().c_str()));
    }
    retire(std::move(allocation));
    return whole ? Result::success : Result::illegal_address;
}

void Memory::free_all(const void* context)
{
    std::lock_guard lock(mutex_);
    for (auto entry = allocations_.begin(); entry != allocations_.end();)
    {
        if (entry->second->context == context)
        {
            retire(std::move(entry->second));
            entry = allocations_.erase(entry);
        }
        else
        {
            ++entry;
        }
    }
}

void Memory::retire(std::unique_ptr<Allocation> allocation)
{
    allocation->live = false;
    used_[allocation->device] -= allocation->size;
    make_inaccessible(allocation->mapped_begin, allocation->mapped_bytes);
    quarantined_bytes_ += allocation->mapped_bytes;
    quarantine_.push_back(std::move(allocation));
    while (quarantined_bytes_ > quarantine_limit || quarantine_.size() > quarantine_count_limit)
    {
        Allocation& oldest = *quarantine_.front();
        quarantined_bytes_ -= oldest.mapped_bytes;
        set_owner(oldest, nullptr);
        give_back_span(oldest.mapped_begin, oldest.mapped_bytes + page_bytes);
        quarantine_.pop_front();
    }
}

bool Memory::take_span(size_t bytes, uintptr_t& begin)
{
    auto fits = std::find_if(free_spans_.begin(), free_spans_.end(),
                             [bytes](const auto& span) { return span.second >= bytes; });
    if (fits != free_spans_.end())
    {
        begin = fits->first;
        size_t rest = fits->second - bytes;
        free_spans_.erase(fits);
        if (rest > 0)
        {
            free_spans_[begin + bytes] = rest;
        }
        return true;
    }
    begin = arena_top_;
    if (bytes > arena_begin_ + arena_bytes - arena_top_)
    {
        return false;
    }
    arena_top_ += bytes;
    return true;
}

void Memory::give_back_span(uintptr_t begin, size_t bytes)
{
    auto next = free_spans_.lower_bound(begin);
    if (next != free_spans_.end() && next->first == begin + bytes)
    {
        bytes += next->second;
        next = free_spans_.erase(next);
    }
    if (next != free_spans_.begin())
    {
        auto before = std::prev(next);
        if (before->first + before->second == begin)
        {
            before->second += bytes;
            return;
        }
    }
    free_spans_[begin] = bytes;
}

int Memory::pattern_file()
{
    if (pattern_file_ < 0)
    {
        int file = memfd_create("softcuda-poison", MFD_CLOEXEC);
        std::vector<unsigned char> bytes(large_buffer, poison);
        if (file >= 0 && write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()))
        {
            pattern_file_ = file;
        }
    }
    return pattern_file_;
}

bool Memory::map_fresh(uintptr_t begin, size_t bytes)
{
    if (bytes <= large_buffer)
    {
        void* pages = reinterpret_cast<void*>(begin);
        if (mprotect(pages, bytes, PROT_READ | PROT_WRITE) != 0)
        {
            return false;
        }
        std::memset(pages, poison, bytes);
        return true;
    }
    for (size_t offset = 0; offset < bytes; offset += large_buffer)
    {
        void* mapped = mmap(reinterpret_cast<void*>(begin + offset), std::min(large_buffer, bytes - offset),
                            PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, pattern_file(), 0);
        if (mapped == MAP_FAILED)
        {
            return false;
        }
    }
    return true;
}

// The page behind the buffer belongs to it too, so that a report can name the buffer that was overrun.
void Memory::set_owner(const Allocation& allocation, Allocation* owner)
{
    size_t first = (allocation.mapped_begin - arena_begin_) / page_bytes;
    size_t count = allocation.mapped_bytes / page_bytes + 1;
    for (size_t page = first; page < first + count; page++)
    {
        owners_[page].store(owner, std::memory_order_release);
    }
}

bool Memory::guard_whole(const Allocation& allocation) const
{
    return all_poison(allocation.mapped_begin, allocation.begin) &&
           all_poison(allocation.end(), allocation.mapped_begin + allocation.mapped_bytes);
}

bool Memory::guards_whole(const void* context)
{
    std::lock_guard lock(mutex_);
    for (const auto& [begin, allocation] : allocations_)
    {
        if (allocation->context == context && !guard_whole(*allocation))
        {
            report(format("error 700: write outside the buffer 0x%zx of %zu bytes, found when the host waited for the "
                          "device; the last kernel was %s",
                          begin, allocation->size, last_kernel().c_str()));
            return false;
        }
    }
    return true;
}

std::string Memory::describe(uintptr_t address) const
{
    const Allocation* allocation = find(address);
    if (allocation == nullptr)
    {
        return "not device memory";
    }
    const char* state = allocation->live ? "" : "freed ";
    if (address < allocation->begin)
    {
        return format("%zu bytes before a %sbuffer of %zu bytes", allocation->begin - address, state, allocation->size);
    }
    if (address >= allocation->end())
    {
        return format("%zu bytes past the end of a %sbuffer of %zu bytes", address - allocation->end(), state,
                      allocation->size);
    }
    return format("byte %zu of a %sbuffer of %zu bytes", address - allocation->begin, state, allocation->size);
}

size_t Memory::used(Device device)
{
    std::lock_guard lock(mutex_);
    return used_[device];
}

size_t Memory::allocation_count()
{
    std::lock_guard lock(mutex_);
    return allocations_.size();
}

size_t Memory::allocated_bytes()
{
    std::lock_guard lock(mutex_);
    size_t bytes = 0;
    for (const auto& [device, used] : used_)
    {
        bytes += used;
    }
    return bytes;
}

void* Memory::allocate_pinned(size_t bytes, const void* context)
{
    void* pointer = std::aligned_alloc(page_bytes, round_up(bytes, page_bytes));
    if (pointer != nullptr)
    {
        std::lock_guard lock(mutex_);
        uintptr_t begin = reinterpret_cast<uintptr_t>(pointer);
        pinned_[begin] = {begin, bytes, context};
    }
    return pointer;
}

Result Memory::free_pinned(void* pointer)
{
    {
        std::lock_guard lock(mutex_);
        if (pinned_.erase(reinterpret_cast<uintptr_t>(pointer)) == 0)
        {
            return Result::invalid_value;
        }
    }
    std::free(pointer);
    return Result::success;
}

void Memory::free_all_pinned(const void* context)
{
    std::lock_guard lock(mutex_);
    for (auto entry = pinned_.begin(); entry != pinned_.end();)
    {
        if (entry->second.context == context)
        {
            std::free(reinterpret_cast<void*>(entry->first));
            entry = pinned_.erase(entry);
        }
        else
        {
            ++entry;
        }
    }
}

bool Memory::find_pinned(uintptr_t address, PinnedRange& range)
{
    std::lock_guard lock(mutex_);
    auto next = pinned_.upper_bound(address);
    if (next == pinned_.begin())
    {
        return false;
    }
    range = std::prev(next)->second;
    return address - range.begin < range.size;
}

size_t Memory::pinned_count()
{
    std::lock_guard lock(mutex_);
    return pinned_.size();
}
}

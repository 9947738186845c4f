// Device memory and pinned host memory.
//
// All devices share one reserved range of addresses, so that a look-up is one table access. A buffer lies between guard
// bytes within its pages, and a page that faults follows them. Fresh memory reads as NaN. Freed memory faults, and its
// addresses are not given out again for a while.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cuda_types.h"

namespace softcuda
{
class Shadow;

struct Allocation
{
    uintptr_t begin = 0;  // of the buffer
    size_t size = 0;
    uintptr_t mapped_begin = 0;  // of its pages
    size_t mapped_bytes = 0;
    Device device = 0;
    const void* context = nullptr;
    std::atomic<bool> live{false};
    std::unique_ptr<Shadow> shadow;  // what the checker knows about each byte; null without CHECK=1

    uintptr_t end() const { return begin + size; }
    bool holds(uintptr_t address, size_t bytes) const
    {
        return address >= begin && address < end() && bytes <= end() - address;
    }
};

struct PinnedRange
{
    uintptr_t begin;
    size_t size;
    const void* context;
};

class Memory
{
public:
    static Memory& instance();

    Result allocate(size_t bytes, Device device, const void* context, DevicePointer& pointer);

    // The caller has waited for work that uses the buffer.
    Result free(DevicePointer pointer);

    // Frees what a context still holds.
    void free_all(const void* context);

    // The allocation whose pages hold the address, live or freed not long ago, or null. Takes no lock.
    Allocation* find(uintptr_t address) const
    {
        uintptr_t offset = address - arena_begin_;
        return offset < arena_bytes ? owners_[offset / page_bytes].load(std::memory_order_acquire) : nullptr;
    }

    // The live allocation that holds all of [address, address + bytes), or null.
    Allocation* find_live(uintptr_t address, size_t bytes) const;

    // For reports: "12 bytes behind a buffer of 400 bytes", "inside a freed buffer of 400 bytes".
    std::string describe(uintptr_t address) const;

    // Looks for writes outside the buffers of a context; false, after a report, where one is found.
    bool guards_whole(const void* context);

    size_t used(Device device);
    size_t allocation_count();
    size_t allocated_bytes();

    void* allocate_pinned(size_t bytes, const void* context);
    Result free_pinned(void* pointer);
    void free_all_pinned(const void* context);
    bool find_pinned(uintptr_t address, PinnedRange& range);
    size_t pinned_count();

private:
    static constexpr size_t page_bytes = 4096;
    static constexpr size_t arena_bytes = size_t{256} << 30;

    Memory();

    bool take_span(size_t bytes, uintptr_t& begin);
    void give_back_span(uintptr_t begin, size_t bytes);
    bool map_fresh(uintptr_t begin, size_t bytes);
    void set_owner(const Allocation& allocation, Allocation* owner);
    void retire(std::unique_ptr<Allocation> allocation);
    bool guard_whole(const Allocation& allocation) const;
    int pattern_file();

    uintptr_t arena_begin_ = 0;
    uintptr_t arena_top_ = 0;  // addresses from here on were never given out
    std::atomic<Allocation*>* owners_ = nullptr;  // per page of the arena

    std::mutex mutex_;
    std::map<uintptr_t, std::unique_ptr<Allocation>> allocations_;  // live, by begin
    std::deque<std::unique_ptr<Allocation>> quarantine_;
    size_t quarantined_bytes_ = 0;
    std::map<uintptr_t, size_t> free_spans_;
    std::map<Device, size_t> used_;
    std::map<uintptr_t, PinnedRange> pinned_;
    int pattern_file_ = -1;
};
}

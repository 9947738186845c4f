// Totals since the start, for softcuda_count.
#pragma once
#include <atomic>

namespace softcuda
{
struct Counters
{
    std::atomic<long> launches{0};
    std::atomic<long> copies{0};
    std::atomic<long> synchronizes{0};
    std::atomic<long> allocs{0};
};

inline Counters& counters()
{
    static Counters instance;
    return instance;
}
}

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
    // Of global memory, under CHECK=1: each sector of 32 bytes once per kernel, as what the kernel does to it first.
    std::atomic<long> bytes_read{0};
    std::atomic<long> bytes_written{0};
};

inline Counters& counters()
{
    static Counters instance;
    return instance;
}
}

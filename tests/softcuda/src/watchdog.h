// Ends kernels that run longer than TIMEOUT, as the driver of a GPU with a display does.
#pragma once
#include <pthread.h>

#include <chrono>

namespace softcuda
{
class BlockRunner;

// While it lives, the calling thread's kernel is watched.
class WatchedKernel
{
public:
    explicit WatchedKernel(BlockRunner& runner);
    ~WatchedKernel();
    WatchedKernel(const WatchedKernel&) = delete;
    WatchedKernel& operator=(const WatchedKernel&) = delete;

    BlockRunner& runner;
    pthread_t thread;
    std::chrono::steady_clock::time_point deadline;
};
}

// OS threads that help with the blocks of large grids.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

namespace softcuda
{
class WorkerPool
{
public:
    static WorkerPool& instance();

    // Runs work on the calling thread and on as many as `helpers` threads of the pool that have nothing to do just now;
    // returns when all of them have come back.
    void share(unsigned helpers, const std::function<void()>& work);

private:
    struct Task
    {
        const std::function<void()>* work;
        unsigned wanted;   // helpers that may still join
        unsigned running;  // helpers inside work
    };

    void help();

    std::mutex mutex_;
    std::condition_variable work_came_;
    std::condition_variable helper_left_;
    std::vector<Task*> tasks_;
    unsigned threads_ = 0;
};
}

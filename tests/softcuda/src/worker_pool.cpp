#include "worker_pool.h"

#include <algorithm>
#include <thread>

namespace softcuda
{
WorkerPool& WorkerPool::instance()
{
    static WorkerPool* pool = new WorkerPool;  // its threads run until the process ends
    return *pool;
}

void WorkerPool::share(unsigned helpers, const std::function<void()>& work)
{
    Task task{&work, helpers, 0};
    {
        std::lock_guard lock(mutex_);
        for (; threads_ < helpers; threads_++)
        {
            std::thread([this] { help(); }).detach();
        }
        tasks_.push_back(&task);
    }
    work_came_.notify_all();
    work();
    std::unique_lock lock(mutex_);
    tasks_.erase(std::find(tasks_.begin(), tasks_.end(), &task));
    helper_left_.wait(lock, [&task] { return task.running == 0; });
}

void WorkerPool::help()
{
    std::unique_lock lock(mutex_);
    for (;;)
    {
        auto wants = [](const Task* task) { return task->wanted > 0; };
        auto found = std::find_if(tasks_.begin(), tasks_.end(), wants);
        if (found == tasks_.end())
        {
            work_came_.wait(lock);
            continue;
        }
        Task& task = **found;
        task.wanted--;
        task.running++;
        lock.unlock();
        (*task.work)();
        lock.lock();
        task.running--;
        helper_left_.notify_all();
    }
}
}

#include "watchdog.h"

#include <signal.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

#include "fault_signals.h"
#include "scheduler.h"
#include "settings.h"

namespace softcuda
{
namespace
{
constexpr std::chrono::milliseconds period{100};

struct Watchdog
{
    std::mutex mutex;
    std::vector<WatchedKernel*> kernels;
    bool started = false;

    void watch()
    {
        for (;;)
        {
            std::this_thread::sleep_for(period);
            std::lock_guard lock(mutex);
            auto now = std::chrono::steady_clock::now();
            for (WatchedKernel* kernel : kernels)
            {
                if (now > kernel->deadline)
                {
                    // Once more each period, until the signal finds the thread where it can be stopped.
                    pthread_kill(kernel->thread, interrupt_signal());
                }
            }
        }
    }
};

Watchdog& watchdog()
{
    static Watchdog* instance = new Watchdog;  // its thread runs until the process ends
    return *instance;
}
}

WatchedKernel::WatchedKernel(BlockRunner& runner_)
    : runner(runner_),
      thread(pthread_self()),
      deadline(std::chrono::steady_clock::now() + std::chrono::seconds(settings().timeout))
{
    Watchdog& dog = watchdog();
    std::lock_guard lock(dog.mutex);
    if (!dog.started)
    {
        dog.started = true;
        std::thread([&dog] { dog.watch(); }).detach();
    }
    dog.kernels.push_back(this);
}

WatchedKernel::~WatchedKernel()
{
    Watchdog& dog = watchdog();
    std::lock_guard lock(dog.mutex);
    dog.kernels.erase(std::find(dog.kernels.begin(), dog.kernels.end(), this));
}
}

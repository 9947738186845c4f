#include "launch.h"

#include <chrono>
#include <cstring>
#include <mutex>

#include "counters.h"
#include "report.h"
#include "scheduler.h"
#include "settings.h"
#include "worker_pool.h"

namespace softcuda
{
namespace
{
constexpr size_t parameter_slot = 16;  // no parameter is aligned to more

using Clock = std::chrono::steady_clock;

// Waking another thread costs some 20 us: worth it only for a grid that has much more than that ahead of it.
constexpr std::chrono::microseconds worth_sharing{200};

// Checked kernels share what is known about the memory, so one runs at a time.
std::mutex& checked_kernel()
{
    static std::mutex mutex;
    return mutex;
}

std::atomic<uint32_t> launch_number{0};

// Runs blocks on the calling thread until it is known whether the rest is worth sharing.
class FirstBlocks
{
public:
    explicit FirstBlocks(const Grid& grid) : grid_(grid), begin_(Clock::now()) {}

    static bool enough(void* self) { return static_cast<FirstBlocks*>(self)->decide(); }

    bool worth_sharing_rest() const { return share_; }

private:
    bool decide()
    {
        auto passed = Clock::now() - begin_;
        unsigned long long done = grid_.next_block.load(std::memory_order_relaxed);
        unsigned long long total = grid_.grid.count();
        unsigned long long left = total > done ? total - done : 0;
        share_ = left > 1 && passed / static_cast<long>(done) * static_cast<long>(left) > worth_sharing;
        return share_;
    }

    const Grid& grid_;
    Clock::time_point begin_;
    bool share_ = false;
};
}

Arguments::Arguments(const KernelEntry& entry, void* const* values)
{
    auto slot_bytes = [&entry](unsigned i)
    { return (entry.parameter_sizes[i] + parameter_slot - 1) / parameter_slot * parameter_slot; };
    size_t bytes = entry.parameter_count * sizeof(void*) + parameter_slot;
    for (unsigned i = 0; i < entry.parameter_count; i++)
    {
        bytes += slot_bytes(i);
    }
    memory_.resize(bytes / sizeof(void*) + 1);
    uintptr_t slot = reinterpret_cast<uintptr_t>(memory_.data() + entry.parameter_count);
    slot = (slot + parameter_slot - 1) & ~(parameter_slot - 1);
    for (unsigned i = 0; i < entry.parameter_count; i++)
    {
        memory_[i] = reinterpret_cast<void*>(slot);
        std::memcpy(memory_[i], values[i], entry.parameter_sizes[i]);
        slot += slot_bytes(i);
    }
}

Launch::Launch(std::shared_ptr<Module> module, const Function& function, Extent3 grid, Extent3 block,
               unsigned dynamic_shared, Device device, void* const* arguments)
    : module_(std::move(module)),
      function_(function),
      grid_(grid),
      block_(block),
      dynamic_shared_(dynamic_shared),
      device_(device),
      arguments_(*function.entry, arguments)
{
}

Result Launch::run()
{
    counters().launches++;
    if (int failure = take_launch_failure(device_); failure != 0)
    {
        report(format("error %d: kernel %s fails because FAIL_LAUNCH says so", failure, function_.name.c_str()));
        return static_cast<Result>(failure);
    }
    note_last_kernel(function_.name);
    Grid grid;
    grid.function = &function_;
    grid.grid = grid_;
    grid.block = block_;
    grid.dynamic_shared = dynamic_shared_;
    grid.arguments = arguments_.pointers();
    grid.arguments_bytes = arguments_.bytes();
    grid.device = device_;
    grid.number = ++launch_number;
    grid.order = settings().order;
    grid.seed = settings().seed * 0x9e3779b97f4a7c15ull + grid.number;
    grid.checked = module_->table().checked != 0;

    if (grid.checked)
    {
        std::lock_guard lock(checked_kernel());
        BlockRunner::current().run(grid);
        return grid.result;
    }
    int threads = settings().threads;
    if (threads == 1 || grid.order == Order::shuffled || grid_.count() == 1)
    {
        BlockRunner::current().run(grid);
        return grid.result;
    }
    FirstBlocks first(grid);
    BlockRunner::current().run(grid, FirstBlocks::enough, &first);
    if (first.worth_sharing_rest())
    {
        WorkerPool::instance().share(static_cast<unsigned>(threads) - 1,
                                     [&grid] { BlockRunner::current().run(grid); });
    }
    return grid.result;
}
}

#include "scheduler.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "checker.h"
#include "fault_signals.h"
#include "module.h"
#include "report.h"
#include "watchdog.h"

namespace softcuda
{
namespace
{
constexpr size_t dynamic_shared_alignment = 1024;
constexpr size_t dynamic_shared_guard = 256;
constexpr char poison = static_cast<char>(0xff);  // NaN in every floating-point type

// One more than threads can park, and one for the landing of a fault.
constexpr unsigned stack_count = max_threads_per_block + 2;
constexpr unsigned landing_stack_index = max_threads_per_block + 1;

thread_local std::unique_ptr<BlockRunner> owned_runner;

// A walk over all blocks in an order that looks like none: i -> (start + i * stride) mod count, stride and count coprime.
unsigned long long shuffled_block(unsigned long long i, unsigned long long count, uint64_t seed)
{
    if (count < 3)
    {
        return (i + seed) % count;
    }
    std::mt19937_64 random(seed);
    unsigned long long start = random() % count;
    unsigned long long stride = 1 + random() % (count - 1);
    while (std::gcd(stride, count) != 1)
    {
        stride = stride % (count - 1) + 1;
    }
    return static_cast<unsigned long long>((start + static_cast<unsigned __int128>(i) * stride) % count);
}
}

__thread BlockRunner* this_runner = nullptr;

BlockRunner& BlockRunner::current()
{
    if (this_runner == nullptr)
    {
        owned_runner = std::make_unique<BlockRunner>();
        this_runner = owned_runner.get();
        prepare_signal_stack();
    }
    return *this_runner;
}

BlockRunner::BlockRunner() : stacks_(stack_count)
{
}

BlockRunner::~BlockRunner()
{
    this_runner = nullptr;
}

char* BlockRunner::thread_local_address(size_t offset) const
{
    return reinterpret_cast<char*>(state_) - grid_->function->module->block_state_offset() + offset;
}

void* BlockRunner::landing_stack(void (*landing)())
{
    return stacks_.prepare(landing_stack_index, landing);
}

void BlockRunner::run(Grid& grid, bool (*enough)(void*), void* context)
{
    prepare_grid(grid);
    WatchedKernel watched(*this);
    unsigned long long count = grid.grid.count();
    while (grid.result.load(std::memory_order_relaxed) == Result::success)
    {
        unsigned long long i = grid.next_block.fetch_add(1, std::memory_order_relaxed);
        if (i >= count)
        {
            break;
        }
        unsigned long long number = grid.order == Order::ascending    ? i
                                    : grid.order == Order::descending ? count - 1 - i
                                                                      : shuffled_block(i, count, grid.seed);
        prepare_block(number);
        run_block();
        check_dynamic_shared_guard();
        if (enough != nullptr && enough(context))
        {
            break;
        }
    }
    grid_ = nullptr;
}

void BlockRunner::prepare_grid(Grid& grid)
{
    grid_ = &grid;
    state_ = grid.function->module->table().block_state();
    interrupted_ = false;
    random_.seed(grid.seed);

    unsigned threads = static_cast<unsigned>(grid.block.count());
    for (unsigned i = 0; i < threads; i++)
    {
        thread_indices_[i] = {i % grid.block.x, i / grid.block.x % grid.block.y, i / (grid.block.x * grid.block.y)};
        start_order_[i] = static_cast<unsigned short>(grid.order == Order::descending ? threads - 1 - i : i);
    }
    state_->block_dim = {grid.block.x, grid.block.y, grid.block.z};
    state_->grid_dim = {grid.grid.x, grid.grid.y, grid.grid.z};
    state_->thread_count = threads;
    state_->start_order = start_order_;
    state_->thread_indices = thread_indices_;

    dynamic_shared_.resize(dynamic_shared_alignment + grid.dynamic_shared + dynamic_shared_guard);
    uintptr_t begin = reinterpret_cast<uintptr_t>(dynamic_shared_.data());
    begin = (begin + dynamic_shared_alignment - 1) & ~(dynamic_shared_alignment - 1);
    state_->dynamic_shared = reinterpret_cast<char*>(begin);
    state_->dynamic_shared_bytes = grid.dynamic_shared;

    if (grid.checked)
    {
        if (checker_ == nullptr)
        {
            checker_ = std::make_unique<BlockChecker>();
        }
        checker_->begin_grid(*this);
    }
}

void BlockRunner::prepare_block(unsigned long long number)
{
    block_number_ = number;
    unsigned long long row = number / grid_->grid.x;
    state_->block_index = {static_cast<unsigned>(number % grid_->grid.x), static_cast<unsigned>(row % grid_->grid.y),
                           static_cast<unsigned>(row / grid_->grid.y)};
    unsigned threads = state_->thread_count;
    state_->next_start = 0;
    state_->live_count = threads;
    state_->parked_count = 0;
    for (unsigned warp = 0; warp * warp_size < threads; warp++)
    {
        unsigned lanes = threads - warp * warp_size;
        state_->lanes_alive[warp] = lanes >= warp_size ? ~0u : (1u << lanes) - 1;
        warps_[warp].waiting_lanes = 0;
    }
    next_stack_ = 0;
    ready_begin_ = ready_end_ = 0;
    barrier_count_ = 0;
    barrier_sum_ = 0;
    if (grid_->order == Order::shuffled)
    {
        std::shuffle(start_order_, start_order_ + threads, random_);
    }

    // Shared memory starts as anything on a GPU; NaN shows a read before the first write.
    for (const SharedVariable& variable : grid_->function->shared)
    {
        std::memset(thread_local_address(variable.offset), poison, variable.size);
    }
    std::memset(state_->dynamic_shared, poison, state_->dynamic_shared_bytes + dynamic_shared_guard);
    if (grid_->checked)
    {
        checker_->begin_block(number);
    }
}

void BlockRunner::run_block()
{
    in_kernel_.store(true, std::memory_order_relaxed);
    dispatch(&scheduler_stack_pointer_);
    in_kernel_.store(false, std::memory_order_relaxed);
}

void BlockRunner::check_dynamic_shared_guard()
{
    const char* guard = state_->dynamic_shared + state_->dynamic_shared_bytes;
    // All bytes are equal where each equals the next.
    bool whole = guard[0] == poison && std::memcmp(guard, guard + 1, dynamic_shared_guard - 1) == 0;
    if (!whole && grid_->result.load() == Result::success)
    {
        report(format("error 700: write behind the %u bytes of dynamic shared memory, kernel %s block %llu",
                      state_->dynamic_shared_bytes, grid_->function->name.c_str(), block_number_));
        grid_->result = Result::illegal_address;
    }
}

void BlockRunner::fiber_main()
{
    BlockRunner& runner = *this_runner;
    runner.grid_->function->entry->run(runner.grid_->arguments);
    void* abandoned;
    runner.dispatch(&abandoned);
    __builtin_unreachable();
}

// Leaves the caller, whose place is saved, for whatever can run next: a thread that is ready, threads that have not
// begun, or the end of the block. Comes back when the caller is dispatched.
void BlockRunner::dispatch(void** saved)
{
    bool some_ready = ready_begin_ != ready_end_;
    bool some_to_start = state_->next_start < state_->thread_count;
    if (grid_->order == Order::shuffled && some_ready)
    {
        unsigned count = ready_end_ - ready_begin_;
        unsigned pick = ready_begin_ + static_cast<unsigned>(random_() % count);
        std::swap(ready_[pick % max_threads_per_block], ready_[ready_begin_ % max_threads_per_block]);
        some_ready = !some_to_start || (random_() & 1) != 0;
    }
    if (some_ready)
    {
        unsigned thread = ready_[ready_begin_++ % max_threads_per_block];
        state_->current = thread;
        state_->thread_index = thread_indices_[thread];
        softcuda_switch(saved, threads_[thread].stack_pointer);
        return;
    }
    if (some_to_start)
    {
        softcuda_switch(saved, stacks_.prepare(next_stack_++, fiber_main));
        return;
    }
    if (state_->live_count != 0)
    {
        report_deadlock();
    }
    softcuda_switch(saved, scheduler_stack_pointer_);
}

void BlockRunner::park(Thread& thread)
{
    dispatch(&thread.stack_pointer);
    stop_if_interrupted();
}

void BlockRunner::make_ready(unsigned thread)
{
    threads_[thread].waiting = Waiting::nothing;
    ready_[ready_end_++ % max_threads_per_block] = static_cast<unsigned short>(thread);
}

void BlockRunner::end_block()
{
    void* abandoned;
    softcuda_switch(&abandoned, scheduler_stack_pointer_);
    __builtin_unreachable();
}

void BlockRunner::fail(Result result, const std::string& what)
{
    report(format("error %d: %s, %s", static_cast<int>(result), what.c_str(), place().c_str()));
    Result none = Result::success;
    grid_->result.compare_exchange_strong(none, result);
    // Nothing on the abandoned fibers needs to be destroyed: kernels own nothing, and `what` is a leak of some bytes
    // in a process whose context has just failed.
    end_block();
}

std::string BlockRunner::place() const
{
    const uint3& block = state_->block_index;
    const uint3& thread = state_->thread_index;
    return format("kernel %s block (%u,%u,%u) thread (%u,%u,%u)", grid_->function->name.c_str(), block.x, block.y,
                  block.z, thread.x, thread.y, thread.z);
}

void BlockRunner::fail_by_timeout()
{
    fail(Result::launch_timeout, "the kernel ran longer than TIMEOUT allows");
}

int BlockRunner::barrier(BarrierKind kind, int predicate, unsigned line)
{
    unsigned self = state_->current;
    if (barrier_count_ == 0)
    {
        barrier_line_ = line;
        barrier_kind_ = kind;
    }
    else if (barrier_line_ != line || barrier_kind_ != kind)
    {
        fail(Result::launch_failed,
             format("divergent barrier: threads of one block wait at line %u and line %u", barrier_line_, line));
    }
    Thread& thread = threads_[self];
    thread.waiting = Waiting::barrier;
    thread.line = line;
    at_barrier_[barrier_count_++] = static_cast<unsigned short>(self);
    state_->parked_count++;
    barrier_sum_ += predicate != 0;
    if (barrier_count_ == state_->live_count)
    {
        release_barrier(self);
    }
    else
    {
        park(thread);
    }
    return static_cast<int>(thread.result);
}

constexpr unsigned nobody = ~0u;

void BlockRunner::release_barrier(unsigned self)
{
    if (state_->live_count != state_->thread_count)
    {
        fail(Result::launch_failed,
             format("divergent barrier: %u of %u threads returned before the barrier at line %u",
                    state_->thread_count - state_->live_count, state_->thread_count, barrier_line_));
    }
    int result = 0;
    switch (barrier_kind_)
    {
    case BarrierKind::plain:
        break;
    case BarrierKind::count:
        result = barrier_sum_;
        break;
    case BarrierKind::all:
        result = barrier_sum_ == static_cast<int>(barrier_count_);
        break;
    case BarrierKind::any:
        result = barrier_sum_ != 0;
        break;
    }
    if (grid_->checked)
    {
        checker_->barrier_released();
    }
    for (unsigned i = 0; i < barrier_count_; i++)
    {
        unsigned thread = at_barrier_[i];
        threads_[thread].result = static_cast<unsigned long long>(result);
        threads_[thread].waiting = Waiting::nothing;
        if (thread != self)
        {
            make_ready(thread);
        }
    }
    state_->parked_count -= barrier_count_;
    barrier_count_ = 0;
    barrier_sum_ = 0;
    stop_if_interrupted();
}

void BlockRunner::thread_exited()
{
    unsigned warp = state_->current / warp_size;
    unsigned candidates = warps_[warp].waiting_lanes;
    while (candidates != 0)
    {
        unsigned lane = static_cast<unsigned>(__builtin_ctz(candidates));
        candidates &= candidates - 1;
        if (try_complete_warp(warp, lane, nobody))
        {
            candidates = warps_[warp].waiting_lanes;
        }
    }
    if (barrier_count_ != 0 && barrier_count_ == state_->live_count)
    {
        release_barrier(nobody);
    }
}

void BlockRunner::report_deadlock()
{
    std::string waiting;
    unsigned in_warps = 0;
    for (unsigned i = 0; i < state_->thread_count; i++)
    {
        const Thread& thread = threads_[i];
        bool parked = (warps_[i / warp_size].waiting_lanes >> (i % warp_size) & 1) != 0;
        if (parked && in_warps++ < 4)
        {
            waiting += format(", thread %u at a warp operation in line %u with mask %08x", i, thread.line, thread.mask);
        }
    }
    if (barrier_count_ != 0)
    {
        waiting += format(", %u at the barrier in line %u", barrier_count_, barrier_line_);
    }
    const uint3& block = state_->block_index;
    report(format("error 719: deadlock in kernel %s block (%u,%u,%u): %u threads returned, %u wait at a warp "
                  "operation%s",
                  grid_->function->name.c_str(), block.x, block.y, block.z, state_->thread_count - state_->live_count,
                  in_warps, waiting.c_str()));
    Result none = Result::success;
    grid_->result.compare_exchange_strong(none, Result::launch_failed);
}
}

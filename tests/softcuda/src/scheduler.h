// Runs the blocks of a grid on one OS thread: the threads of a block as fibers, barriers and warp operations as the
// places where they wait. abi.h tells how kernel and scheduler play together.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "abi.h"
#include "cuda_types.h"
#include "fibers.h"
#include "settings.h"

namespace softcuda
{
struct Function;
class BlockChecker;

// One kernel launch, as all OS threads that work on it see it.
struct Grid
{
    const Function* function = nullptr;
    Extent3 grid{};
    Extent3 block{};
    unsigned dynamic_shared = 0;
    void** arguments = nullptr;
    size_t arguments_bytes = 0;  // of the memory that begins there and holds the values too
    Device device = 0;
    uint32_t number = 0;  // of this launch since the start of the process
    Order order = Order::ascending;
    uint64_t seed = 0;
    bool checked = false;

    std::atomic<unsigned long long> next_block{0};
    std::atomic<Result> result{Result::success};
};

class BlockRunner;

// The calling thread's runner, if it has run a kernel: a plain pointer, for signal handlers, which must not construct
// anything. Initial-exec makes it one instruction to read, which counts since every checked access does; it takes 8
// bytes of the little room that libraries loaded late have for this.
extern __thread BlockRunner* this_runner __attribute__((tls_model("initial-exec")));

// One per OS thread that has run a kernel.
class BlockRunner
{
public:
    static constexpr unsigned max_warps = max_threads_per_block / warp_size;

    // The calling thread's.
    static BlockRunner& current();

    // The calling thread's if it is inside a kernel, else null. Safe in a signal handler.
    static BlockRunner* running()
    {
        BlockRunner* runner = this_runner;
        return runner != nullptr && runner->in_kernel_.load(std::memory_order_relaxed) ? runner : nullptr;
    }

    BlockRunner();
    ~BlockRunner();
    BlockRunner(const BlockRunner&) = delete;
    BlockRunner& operator=(const BlockRunner&) = delete;

    // Takes blocks of the grid until none is left, one has failed, or `enough` says so.
    void run(Grid& grid, bool (*enough)(void*) = nullptr, void* context = nullptr);

    // What a kernel calls: see Runtime in abi.h.
    int barrier(BarrierKind kind, int predicate, unsigned line);
    unsigned long long warp(WarpOperation operation, unsigned mask, unsigned long long value, int argument, int width,
                            unsigned line);
    void thread_exited();

    // Reports, ends the block and with it the grid, and does not come back.
    [[noreturn]] void fail(Result result, const std::string& what);

    // "kernel relu block (0,0,0) thread (5,0,0)".
    std::string place() const;

    const Grid& grid() const { return *grid_; }
    const BlockState& state() const { return *state_; }
    unsigned long long block_number() const { return block_number_; }
    const FiberStacks& stacks() const { return stacks_; }
    BlockChecker* checker() const { return checker_.get(); }

    // The address of a thread_local object of the module, from its offset in the module's TLS segment.
    char* thread_local_address(size_t offset) const;

    // Asked for by the watchdog: the kernel ends at its next call into the runtime, or at once where a signal finds it
    // in code of its own.
    void interrupt() { interrupted_.store(true, std::memory_order_relaxed); }
    void stop_if_interrupted()
    {
        if (interrupted_.load(std::memory_order_relaxed))
        {
            fail_by_timeout();
        }
    }

    // For the signal handler: where to go on so that `fault_landing` runs on a stack of its own.
    void* landing_stack(void (*landing)());

private:
    enum class Waiting : unsigned char
    {
        nothing,
        barrier,
        warp,
    };

    struct Thread
    {
        void* stack_pointer;
        Waiting waiting;
        WarpOperation operation;
        unsigned mask;
        int argument;
        int width;
        unsigned line;
        unsigned long long value;
        unsigned long long result;
    };

    struct WarpState
    {
        unsigned waiting_lanes;
    };

    static void fiber_main();
    void prepare_grid(Grid& grid);
    void prepare_block(unsigned long long number);
    void run_block();
    void dispatch(void** saved);
    void park(Thread& thread);
    void make_ready(unsigned thread);
    void release_barrier(unsigned self);
    bool try_complete_warp(unsigned warp, unsigned lane, unsigned self);
    void complete_warp(unsigned warp, unsigned lanes, WarpOperation operation);
    void exchange(unsigned warp, unsigned lanes);
    [[noreturn]] void end_block();
    [[noreturn]] void fail_by_timeout();
    void report_deadlock();
    void check_dynamic_shared_guard();

    Grid* grid_ = nullptr;
    BlockState* state_ = nullptr;
    unsigned long long block_number_ = 0;
    FiberStacks stacks_;
    void* scheduler_stack_pointer_ = nullptr;
    unsigned next_stack_ = 0;
    std::atomic<bool> in_kernel_{false};
    std::atomic<bool> interrupted_{false};
    std::mt19937_64 random_;

    Thread threads_[max_threads_per_block];
    WarpState warps_[max_warps];
    unsigned short start_order_[max_threads_per_block];
    uint3 thread_indices_[max_threads_per_block];

    // Threads that may go on, in order: a ring, since no thread is in it twice.
    unsigned short ready_[max_threads_per_block];
    unsigned ready_begin_ = 0;
    unsigned ready_end_ = 0;

    unsigned short at_barrier_[max_threads_per_block];
    unsigned barrier_count_ = 0;
    unsigned barrier_line_ = 0;
    BarrierKind barrier_kind_ = BarrierKind::plain;
    int barrier_sum_ = 0;

    std::vector<char> dynamic_shared_;
    std::unique_ptr<BlockChecker> checker_;
};

// The functions that every module is given.
extern const Runtime runtime_table;
}

// Streams, events, capture and graphs of the driver API: what runs when, and who waits for whom.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "support.h"

namespace
{
using namespace softcuda::tests;

constexpr char kernels_source[] = R"(
extern "C" {
__global__ void add(float* x, float value)
{
    *x += value;
}

__global__ void multiply(float* x, float value)
{
    *x *= value;
}

__global__ void copy(const float* from, float* to)
{
    *to = *from;
}

// Runs until the host has set the flag, so two of them end only where they run at the same time.
__global__ void meet(volatile int* mine, volatile int* other)
{
    *mine = 1;
    while (*other == 0) {}
}
}
)";

class Stream
{
public:
    explicit Stream(unsigned flags = CU_STREAM_NON_BLOCKING)
    {
        REQUIRE(cuStreamCreate(&handle, flags));
    }

    ~Stream()
    {
        cuStreamDestroy(handle);
    }

    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    CUstream handle = nullptr;
};

class Event
{
public:
    explicit Event(unsigned flags = CU_EVENT_DEFAULT)
    {
        REQUIRE(cuEventCreate(&handle, flags));
    }

    ~Event()
    {
        cuEventDestroy(handle);
    }

    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    CUevent handle = nullptr;
};

// A session with the kernels and one number on the device, read without waiting for anything but its own copy.
struct Fixture
{
    DeviceSession session;
    LoadedModule module{kernels_source, "kernels.cu"};
    CUfunction add = module.function("add");
    CUfunction multiply = module.function("multiply");
    CUfunction copy = module.function("copy");
    Buffer<float> x{std::vector<float>{1}};

    CUresult run(CUfunction function, float value, CUstream stream) const
    {
        CUdeviceptr pointer = x.pointer;
        void* parameters[] = {&pointer, &value};
        return cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, parameters, nullptr);
    }

    // On a stream of its own, which waits for no other.
    float now() const
    {
        const Stream stream;
        float value = 0;
        REQUIRE(cuMemcpyDtoHAsync(&value, x.pointer, sizeof value, stream.handle));
        REQUIRE(cuStreamSynchronize(stream.handle));
        return value;
    }
};

void work_waits_until_it_is_waited_for()
{
    const Fixture f;
    const Stream stream;
    REQUIRE(f.run(f.add, 1, stream.handle));
    CHECK_EQUAL(f.now(), 1.0f);
    REQUIRE(cuStreamSynchronize(stream.handle));
    CHECK_EQUAL(f.now(), 2.0f);
    set("DEFER", "0");
    REQUIRE(f.run(f.add, 1, stream.handle));
    CHECK_EQUAL(f.now(), 3.0f);
    set("DEFER", "1");
}

void polling_gets_on()
{
    const Fixture f;
    const Stream stream;
    CHECK_EQUAL(cuStreamQuery(stream.handle), CUDA_SUCCESS);
    REQUIRE(f.run(f.add, 1, stream.handle));
    REQUIRE(f.run(f.add, 1, stream.handle));
    int polls = 0;
    while (cuStreamQuery(stream.handle) == CUDA_ERROR_NOT_READY && polls < 10)
        polls++;
    CHECK_EQUAL(polls, 2);
    CHECK_EQUAL(f.now(), 3.0f);

    const Event event;
    CHECK_EQUAL(cuEventQuery(event.handle), CUDA_SUCCESS);
    REQUIRE(f.run(f.add, 1, stream.handle));
    REQUIRE(cuEventRecord(event.handle, stream.handle));
    CHECK_EQUAL(cuEventQuery(event.handle), CUDA_ERROR_NOT_READY);
    CHECK_EQUAL(cuEventQuery(event.handle), CUDA_ERROR_NOT_READY);
    CHECK_EQUAL(cuEventQuery(event.handle), CUDA_SUCCESS);
}

void long_queues_are_run_from_their_front()
{
    const Fixture f;
    const Stream stream;
    const long before = softcuda_count("launches");
    for (int i = 0; i < 3000; i++)
        REQUIRE(f.run(f.add, 1, stream.handle));
    const long ran = softcuda_count("launches") - before;
    CHECK(ran >= 1900 && ran <= 2100);
    REQUIRE(cuStreamSynchronize(stream.handle));
    CHECK_EQUAL(f.now(), 3001.0f);
}

void events_order_streams()
{
    const Fixture f;
    const Stream first;
    const Stream second;
    const Event event;
    REQUIRE(f.run(f.add, 1, first.handle));
    REQUIRE(cuEventRecord(event.handle, first.handle));
    REQUIRE(f.run(f.add, 100, first.handle));
    REQUIRE(cuStreamWaitEvent(second.handle, event.handle, 0));
    REQUIRE(f.run(f.multiply, 10, second.handle));
    REQUIRE(cuStreamSynchronize(second.handle));
    // What came after the event on the first stream has not run.
    CHECK_EQUAL(f.now(), 20.0f);
    REQUIRE(cuStreamSynchronize(first.handle));
    CHECK_EQUAL(f.now(), 120.0f);

    // Recorded again, the event stands for the new place; who waited before keeps the old one.
    REQUIRE(f.run(f.add, 1, first.handle));
    REQUIRE(cuEventRecord(event.handle, first.handle));
    REQUIRE(cuEventSynchronize(event.handle));
    CHECK_EQUAL(f.now(), 121.0f);
}

void a_wait_outlives_its_event()
{
    const Fixture f;
    const Stream first;
    const Stream second;
    {
        const Event event;
        REQUIRE(f.run(f.add, 1, first.handle));
        REQUIRE(cuEventRecord(event.handle, first.handle));
        REQUIRE(cuStreamWaitEvent(second.handle, event.handle, 0));
    }
    REQUIRE(f.run(f.multiply, 10, second.handle));
    REQUIRE(cuStreamSynchronize(second.handle));
    CHECK_EQUAL(f.now(), 20.0f);
}

void events_measure_time()
{
    const Fixture f;
    const Stream stream;
    const Event start;
    const Event end;
    const Event untimed(CU_EVENT_DISABLE_TIMING);
    float milliseconds = -1;
    CHECK_EQUAL(cuEventElapsedTime(&milliseconds, start.handle, end.handle), CUDA_ERROR_INVALID_HANDLE);
    REQUIRE(cuEventRecord(start.handle, stream.handle));
    REQUIRE(cuLaunchHostFunc(
        stream.handle, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }, nullptr));
    REQUIRE(cuEventRecord(end.handle, stream.handle));
    REQUIRE(cuEventRecord(untimed.handle, stream.handle));
    CHECK_EQUAL(cuEventElapsedTime(&milliseconds, start.handle, end.handle), CUDA_ERROR_NOT_READY);
    REQUIRE(cuStreamSynchronize(stream.handle));
    CHECK_EQUAL(cuEventElapsedTime_v2(&milliseconds, start.handle, end.handle), CUDA_SUCCESS);
    CHECK(milliseconds >= 20 && milliseconds < 5000);
    CHECK_EQUAL(cuEventElapsedTime(&milliseconds, start.handle, untimed.handle), CUDA_ERROR_INVALID_HANDLE);
}

void default_stream_waits_for_blocking_streams()
{
    const Fixture f;
    const Stream blocking(CU_STREAM_DEFAULT);
    const Stream free(CU_STREAM_NON_BLOCKING);
    REQUIRE(f.run(f.add, 1, blocking.handle));
    REQUIRE(f.run(f.add, 100, free.handle));
    REQUIRE(f.run(f.multiply, 10, nullptr));
    REQUIRE(cuStreamSynchronize(nullptr));
    CHECK_EQUAL(f.now(), 20.0f);
    REQUIRE(f.run(f.add, 1, nullptr));
    REQUIRE(f.run(f.multiply, 2, blocking.handle));
    REQUIRE(cuStreamSynchronize(blocking.handle));
    CHECK_EQUAL(f.now(), 42.0f);
    float value = 0;
    REQUIRE(f.run(f.add, 1, blocking.handle));
    REQUIRE(cuMemcpyDtoH(&value, f.x.pointer, sizeof value));
    CHECK_EQUAL(value, 43.0f);
    REQUIRE(cuCtxSynchronize());
    CHECK_EQUAL(f.now(), 143.0f);
}

void pinned_memory_is_read_late()
{
    const Fixture f;
    const Stream stream;
    float pageable = 5;
    float* pinned = nullptr;
    REQUIRE(cuMemHostAlloc(reinterpret_cast<void**>(&pinned), sizeof(float), 0));
    *pinned = 6;
    const Buffer<float> second(1);
    REQUIRE(cuMemcpyHtoDAsync(f.x.pointer, &pageable, sizeof pageable, stream.handle));
    REQUIRE(cuMemcpyHtoDAsync(second.pointer, pinned, sizeof pageable, stream.handle));
    pageable = 50;
    *pinned = 60;
    REQUIRE(cuStreamSynchronize(stream.handle));
    CHECK_EQUAL(f.now(), 5.0f);
    CHECK_EQUAL(second.values()[0], 60.0f);
    REQUIRE(cuMemFreeHost(pinned));
}

void destroyed_streams_still_do_their_work()
{
    const Fixture f;
    {
        const Stream stream;
        REQUIRE(f.run(f.add, 1, stream.handle));
    }
    CHECK_EQUAL(softcuda_count("streams"), 0L);
    REQUIRE(cuCtxSynchronize());
    CHECK_EQUAL(f.now(), 2.0f);
}

void host_functions_may_not_call_the_driver()
{
    const Fixture f;
    const Stream stream;
    CUresult inside = CUDA_SUCCESS;
    REQUIRE(cuLaunchHostFunc(
        stream.handle, [](void* data) { *static_cast<CUresult*>(data) = cuCtxSynchronize(); }, &inside));
    REQUIRE(cuStreamSynchronize(stream.handle));
    CHECK_EQUAL(inside, CUDA_ERROR_NOT_PERMITTED);
    CHECK_EQUAL(cuCtxSynchronize(), CUDA_SUCCESS);
}

void freed_buffers_are_missed_by_queued_copies()
{
    const Fixture f;
    const Stream copies;
    const Stream frees;
    CUdeviceptr pointer = 0;
    REQUIRE(cuMemAllocAsync(&pointer, 4, frees.handle));
    float value = 0;
    REQUIRE(cuMemcpyDtoHAsync(&value, pointer, 4, copies.handle));
    REQUIRE(cuMemFreeAsync(pointer, frees.handle));
    REQUIRE(cuStreamSynchronize(frees.handle));
    CHECK_EQUAL(cuStreamSynchronize(copies.handle), CUDA_ERROR_ILLEGAL_ADDRESS);
    CHECK_CONTAINS(softcuda_report(), "freed buffer");
}

void streams_of_the_thread_differ()
{
    const Fixture f;
    REQUIRE(f.run(f.add, 1, CU_STREAM_PER_THREAD));
    CUcontext context = nullptr;
    REQUIRE(cuCtxGetCurrent(&context));
    std::thread([context] {
        REQUIRE(cuCtxSetCurrent(context));
        CHECK_EQUAL(cuStreamQuery(CU_STREAM_PER_THREAD), CUDA_SUCCESS);
    }).join();
    CHECK_EQUAL(cuStreamQuery(CU_STREAM_PER_THREAD), CUDA_ERROR_NOT_READY);
    CHECK_EQUAL(cuStreamSynchronize(reinterpret_cast<CUstream>(static_cast<uintptr_t>(64))),
                CUDA_ERROR_INVALID_HANDLE);
}

// Two kernels that wait for each other: they end only if two host threads run them at the same time.
void host_threads_run_kernels_at_the_same_time()
{
    const Fixture f;
    set("TIMEOUT", "20");
    const Buffer<int> flags(std::vector<int>{0, 0});
    CUcontext context = nullptr;
    REQUIRE(cuCtxGetCurrent(&context));
    const CUfunction meet = f.module.function("meet");
    const auto run = [&](CUdeviceptr mine, CUdeviceptr other) {
        REQUIRE(cuCtxSetCurrent(context));
        const Stream stream;
        void* parameters[] = {&mine, &other};
        REQUIRE(cuLaunchKernel(meet, 1, 1, 1, 1, 1, 1, 0, stream.handle, parameters, nullptr));
        CHECK_EQUAL(cuStreamSynchronize(stream.handle), CUDA_SUCCESS);
    };
    std::thread first(run, flags.pointer, flags.pointer + 4);
    std::thread second(run, flags.pointer + 4, flags.pointer);
    first.join();
    second.join();
    set("TIMEOUT", "120");
}

// Many threads share streams, events and memory; every addition must arrive once.
void many_threads_share_a_context()
{
    const Fixture f;
    CUcontext context = nullptr;
    REQUIRE(cuCtxGetCurrent(&context));
    const Stream shared;
    const Buffer<float> ready(std::vector<float>{0});
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; t++)
    {
        threads.emplace_back([&] {
            REQUIRE(cuCtxSetCurrent(context));
            const Stream own;
            for (int i = 0; i < 50; i++)
            {
                const Event event;
                const Buffer<float> scratch(std::vector<float>{0});
                REQUIRE(f.run(f.add, 1, shared.handle));
                REQUIRE(cuEventRecord(event.handle, shared.handle));
                REQUIRE(cuStreamWaitEvent(own.handle, event.handle, 0));
                REQUIRE(cuMemsetD8Async(scratch.pointer, 0, 4, own.handle));
                if (i % 7 == 0)
                    REQUIRE(cuStreamSynchronize(own.handle));
                if (i % 11 == 0)
                    REQUIRE(cuStreamSynchronize(shared.handle));
                if (i % 25 == 0)
                    REQUIRE(cuCtxSynchronize());
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    REQUIRE(cuCtxSynchronize());
    CHECK_EQUAL(f.now(), 301.0f);
    CHECK_EQUAL(softcuda_count("events"), 0L);
    CHECK_EQUAL(softcuda_count("allocations"), 2L);
}

CUgraphExec instantiate(CUstream stream, size_t expected_nodes)
{
    CUgraph graph = nullptr;
    REQUIRE(cuStreamEndCapture(stream, &graph));
    size_t nodes = 0;
    REQUIRE(cuGraphGetNodes(graph, nullptr, &nodes));
    CHECK_EQUAL(nodes, expected_nodes);
    CUgraphExec exec = nullptr;
    REQUIRE(cuGraphInstantiateWithFlags(&exec, graph, 0));
    REQUIRE(cuGraphDestroy(graph));
    return exec;
}

void graphs_replay_what_was_captured()
{
    const Fixture f;
    const Stream stream;
    int capturing = -1;
    float source = 2;
    REQUIRE(cuStreamIsCapturing(stream.handle, &capturing));
    CHECK_EQUAL(capturing, CU_STREAM_CAPTURE_STATUS_NONE);
    REQUIRE(cuStreamBeginCapture(stream.handle, CU_STREAM_CAPTURE_MODE_RELAXED));
    CHECK_EQUAL(cuStreamBeginCapture(stream.handle, CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_ERROR_ILLEGAL_STATE);
    REQUIRE(cuStreamIsCapturing(stream.handle, &capturing));
    CHECK_EQUAL(capturing, CU_STREAM_CAPTURE_STATUS_ACTIVE);
    REQUIRE(cuMemcpyHtoDAsync(f.x.pointer, &source, sizeof source, stream.handle));
    {
        float value = 3;
        REQUIRE(f.run(f.multiply, value, stream.handle));
        value = 1000;  // the graph has its own copy
        REQUIRE(f.run(f.add, 1, stream.handle));
    }
    const CUgraphExec exec = instantiate(stream.handle, 3);
    CHECK_EQUAL(f.now(), 1.0f);
    for (float input : {2.0f, 5.0f})
    {
        source = input;  // host memory is read at each replay
        REQUIRE(cuGraphLaunch(exec, stream.handle));
        REQUIRE(cuStreamSynchronize(stream.handle));
        CHECK_EQUAL(f.now(), input * 3 + 1);
    }
    REQUIRE(cuGraphLaunch(exec, stream.handle));
    REQUIRE(cuGraphExecDestroy(exec));  // what was launched still runs
    source = 7;
    REQUIRE(cuStreamSynchronize(stream.handle));
    CHECK_EQUAL(f.now(), 22.0f);
    CHECK_EQUAL(softcuda_count("graphs"), 0L);
    CHECK_EQUAL(softcuda_count("graph_execs"), 0L);
}

void captures_spread_over_streams_by_events()
{
    const Fixture f;
    const Stream origin;
    const Stream fork;
    const Event forked;
    const Event joined;
    const Buffer<float> y(std::vector<float>{0});
    REQUIRE(cuStreamBeginCapture(origin.handle, CU_STREAM_CAPTURE_MODE_GLOBAL));
    REQUIRE(f.run(f.add, 1, origin.handle));
    REQUIRE(cuEventRecord(forked.handle, origin.handle));
    REQUIRE(cuStreamWaitEvent(fork.handle, forked.handle, 0));
    CUdeviceptr from = f.x.pointer;
    CUdeviceptr to = y.pointer;
    void* parameters[] = {&from, &to};
    REQUIRE(cuLaunchKernel(f.copy, 1, 1, 1, 1, 1, 1, 0, fork.handle, parameters, nullptr));
    CHECK_EQUAL(cuEventQuery(forked.handle), CUDA_ERROR_CAPTURED_EVENT);
    CUgraph graph = nullptr;
    CHECK_EQUAL(cuStreamEndCapture(fork.handle, &graph), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
    CHECK_EQUAL(cuStreamEndCapture(origin.handle, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

    for (bool join : {false, true})
    {
        REQUIRE(cuStreamBeginCapture(origin.handle, CU_STREAM_CAPTURE_MODE_GLOBAL));
        REQUIRE(f.run(f.add, 1, origin.handle));
        REQUIRE(cuEventRecord(forked.handle, origin.handle));
        REQUIRE(cuStreamWaitEvent(fork.handle, forked.handle, 0));
        REQUIRE(cuLaunchKernel(f.copy, 1, 1, 1, 1, 1, 1, 0, fork.handle, parameters, nullptr));
        REQUIRE(cuEventRecord(joined.handle, fork.handle));
        if (!join)
        {
            CHECK_EQUAL(cuStreamEndCapture(origin.handle, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
            continue;
        }
        REQUIRE(cuStreamWaitEvent(origin.handle, joined.handle, 0));
        REQUIRE(f.run(f.multiply, 10, origin.handle));
        const CUgraphExec exec = instantiate(origin.handle, 3);
        for (const char* order : {"ascending", "descending", "shuffled"})
        {
            set("ORDER", order);
            const float start = 1;
            REQUIRE(cuMemcpyHtoD(f.x.pointer, &start, sizeof start));
            REQUIRE(cuGraphLaunch(exec, origin.handle));
            REQUIRE(cuStreamSynchronize(origin.handle));
            CHECK_EQUAL(f.now(), 20.0f);
            CHECK_EQUAL(y.values()[0], 2.0f);
        }
        set("ORDER", "ascending");
        REQUIRE(cuGraphExecDestroy(exec));
    }
    int capturing = -1;
    REQUIRE(cuStreamIsCapturing(fork.handle, &capturing));
    CHECK_EQUAL(capturing, CU_STREAM_CAPTURE_STATUS_NONE);
}

// Without the event between them, the order of two branches of a graph is anyone's.
void order_shows_a_missing_event_in_a_graph()
{
    const Fixture f;
    const Stream origin;
    const Stream fork;
    const Event forked;
    const Event joined;
    REQUIRE(cuStreamBeginCapture(origin.handle, CU_STREAM_CAPTURE_MODE_RELAXED));
    REQUIRE(cuEventRecord(forked.handle, origin.handle));
    REQUIRE(cuStreamWaitEvent(fork.handle, forked.handle, 0));
    REQUIRE(f.run(f.add, 1, origin.handle));
    REQUIRE(f.run(f.multiply, 10, fork.handle));
    REQUIRE(cuEventRecord(joined.handle, fork.handle));
    REQUIRE(cuStreamWaitEvent(origin.handle, joined.handle, 0));
    const CUgraphExec exec = instantiate(origin.handle, 2);
    REQUIRE(cuGraphLaunch(exec, origin.handle));
    REQUIRE(cuStreamSynchronize(origin.handle));
    CHECK_EQUAL(f.now(), 20.0f);
    set("ORDER", "descending");
    const float start = 1;
    REQUIRE(cuMemcpyHtoD(f.x.pointer, &start, sizeof start));
    REQUIRE(cuGraphLaunch(exec, origin.handle));
    REQUIRE(cuStreamSynchronize(origin.handle));
    CHECK_EQUAL(f.now(), 11.0f);
    set("ORDER", "ascending");
    REQUIRE(cuGraphExecDestroy(exec));
}

// Calls that end a capture, each with its error.
void some_calls_break_a_capture()
{
    const Fixture f;
    const Stream stream;
    const Stream blocking(CU_STREAM_DEFAULT);
    const Event outside;
    REQUIRE(cuEventRecord(outside.handle, blocking.handle));
    CUdeviceptr pointer = 0;
    float value = 0;
    const std::pair<std::function<CUresult()>, CUresult> calls[] = {
        {[&] { return cuStreamSynchronize(stream.handle); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED},
        {[&] { return cuStreamQuery(stream.handle); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED},
        {[&] { return cuCtxSynchronize(); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED},
        {[&] { return cuMemAlloc(&pointer, 4); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED},
        {[&] { return cuMemcpyDtoH(&value, f.x.pointer, 4); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED},
        {[&] { return cuStreamWaitEvent(stream.handle, outside.handle, 0); }, CUDA_ERROR_STREAM_CAPTURE_ISOLATION},
    };
    for (const auto& [call, result] : calls)
    {
        REQUIRE(cuStreamBeginCapture(stream.handle, CU_STREAM_CAPTURE_MODE_GLOBAL));
        CHECK_EQUAL(call(), result);
        CHECK_EQUAL(f.run(f.add, 1, stream.handle), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        CUgraph graph = nullptr;
        CHECK_EQUAL(cuStreamEndCapture(stream.handle, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        CHECK(graph == nullptr);
    }

    CHECK_EQUAL(cuStreamBeginCapture(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    CUgraph graph = nullptr;
    CHECK_EQUAL(cuStreamEndCapture(stream.handle, &graph), CUDA_ERROR_ILLEGAL_STATE);

    // The default stream would have to wait for a capture.
    REQUIRE(cuStreamBeginCapture(blocking.handle, CU_STREAM_CAPTURE_MODE_RELAXED));
    CHECK_EQUAL(f.run(f.add, 1, nullptr), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    CHECK_EQUAL(cuStreamEndCapture(blocking.handle, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    CHECK_EQUAL(cuCtxSynchronize(), CUDA_SUCCESS);
    CHECK_EQUAL(f.now(), 1.0f);
}

void capture_modes_differ()
{
    const Fixture f;
    const Stream stream;
    CUcontext context = nullptr;
    REQUIRE(cuCtxGetCurrent(&context));
    const auto allocate = [context] {
        REQUIRE(cuCtxSetCurrent(context));
        CUdeviceptr pointer = 0;
        const CUresult result = cuMemAlloc(&pointer, 4);
        return result == CUDA_SUCCESS ? cuMemFree(pointer) : result;
    };
    const auto allocate_elsewhere = [&allocate] {
        CUresult result = CUDA_SUCCESS;
        std::thread([&] { result = allocate(); }).join();
        return result;
    };
    struct Expected
    {
        int mode;
        CUresult here;
        CUresult elsewhere;
    };
    for (const Expected& expected : {Expected{CU_STREAM_CAPTURE_MODE_GLOBAL, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                                              CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED},
                                     Expected{CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
                                              CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, CUDA_SUCCESS},
                                     Expected{CU_STREAM_CAPTURE_MODE_RELAXED, CUDA_SUCCESS, CUDA_SUCCESS}})
    {
        CUgraph graph = nullptr;
        REQUIRE(cuStreamBeginCapture(stream.handle, expected.mode));
        CHECK_EQUAL(allocate_elsewhere(), expected.elsewhere);
        CHECK_EQUAL(allocate(), expected.here);
        CHECK_EQUAL(cuStreamEndCapture(stream.handle, &graph),
                    expected.here == CUDA_SUCCESS ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        if (graph != nullptr)
            REQUIRE(cuGraphDestroy(graph));
    }

    REQUIRE(cuStreamBeginCapture(stream.handle, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    std::thread([&] {
        REQUIRE(cuCtxSetCurrent(context));
        CUgraph graph = nullptr;
        CHECK_EQUAL(cuStreamEndCapture(stream.handle, &graph), CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
    }).join();
    CUgraph graph = nullptr;
    cuStreamEndCapture(stream.handle, &graph);
}

void two_captures_do_not_merge()
{
    const Fixture f;
    const Stream first;
    const Stream second;
    const Event event;
    REQUIRE(cuStreamBeginCapture(first.handle, CU_STREAM_CAPTURE_MODE_RELAXED));
    REQUIRE(cuStreamBeginCapture(second.handle, CU_STREAM_CAPTURE_MODE_RELAXED));
    REQUIRE(f.run(f.add, 1, first.handle));
    REQUIRE(cuEventRecord(event.handle, first.handle));
    CHECK_EQUAL(cuStreamWaitEvent(second.handle, event.handle, 0), CUDA_ERROR_STREAM_CAPTURE_MERGE);
    CUgraph graph = nullptr;
    CHECK_EQUAL(cuStreamEndCapture(first.handle, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    CHECK_EQUAL(cuStreamEndCapture(second.handle, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}
}

int main()
{
    return run_tests({
        {"work_waits_until_it_is_waited_for", work_waits_until_it_is_waited_for},
        {"polling_gets_on", polling_gets_on},
        {"long_queues_are_run_from_their_front", long_queues_are_run_from_their_front},
        {"events_order_streams", events_order_streams},
        {"a_wait_outlives_its_event", a_wait_outlives_its_event},
        {"events_measure_time", events_measure_time},
        {"default_stream_waits_for_blocking_streams", default_stream_waits_for_blocking_streams},
        {"pinned_memory_is_read_late", pinned_memory_is_read_late},
        {"destroyed_streams_still_do_their_work", destroyed_streams_still_do_their_work},
        {"host_functions_may_not_call_the_driver", host_functions_may_not_call_the_driver},
        {"freed_buffers_are_missed_by_queued_copies", freed_buffers_are_missed_by_queued_copies},
        {"streams_of_the_thread_differ", streams_of_the_thread_differ},
        {"host_threads_run_kernels_at_the_same_time", host_threads_run_kernels_at_the_same_time},
        {"many_threads_share_a_context", many_threads_share_a_context},
        {"graphs_replay_what_was_captured", graphs_replay_what_was_captured},
        {"captures_spread_over_streams_by_events", captures_spread_over_streams_by_events},
        {"order_shows_a_missing_event_in_a_graph", order_shows_a_missing_event_in_a_graph},
        {"some_calls_break_a_capture", some_calls_break_a_capture},
        {"capture_modes_differ", capture_modes_differ},
        {"two_captures_do_not_merge", two_captures_do_not_merge},
    });
}

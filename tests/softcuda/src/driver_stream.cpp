// The driver API: streams, events, capture, graphs.
#include <map>

#include "counters.h"
#include "driver_call.h"
#include "graphs.h"
#include "memory.h"

using namespace softcuda;

namespace softcuda
{
namespace
{
constexpr int lowest_priority = 0;
constexpr int highest_priority = -5;

// The default streams of single threads (CU_STREAM_PER_THREAD), per context.
std::shared_ptr<Stream> own_stream_of_thread(Context& context)
{
    static thread_local std::map<Context*, std::weak_ptr<Stream>> own;
    std::shared_ptr<Stream> stream = own[&context].lock();
    if (stream == nullptr)
    {
        stream = std::make_shared<Stream>();
        stream->context = &context;
        Driver::instance().streams.add(stream);
        context.streams.push_back(stream);
        own[&context] = stream;
    }
    return stream;
}

std::shared_ptr<Event> find_event(const void* handle)
{
    return Driver::instance().events.find(handle);
}

bool finished(const EventMark& mark)
{
    return mark.position.stream->completed >= mark.position.sequence;
}

// Waiting for a stream that captures cannot be recorded.
Result allow_wait(const Stream& stream)
{
    if (stream.capture == nullptr)
    {
        return allow_uncaptured_work(stream);
    }
    stream.capture->invalidated = true;
    return Result::capture_unsupported;
}

bool in_progress(const std::shared_ptr<Capture>& capture)
{
    for (const std::shared_ptr<Capture>& other : Driver::instance().captures)
    {
        if (other == capture)
        {
            return true;
        }
    }
    return false;
}

Result create_stream(void** handle, unsigned flags, int priority, Context& context)
{
    if (handle == nullptr || (flags & ~stream_flags::non_blocking) != 0)
    {
        return Result::invalid_value;
    }
    auto stream = std::make_shared<Stream>();
    stream->context = &context;
    stream->flags = flags;
    stream->blocking = (flags & stream_flags::non_blocking) == 0;
    stream->priority = priority < highest_priority ? highest_priority
                       : priority > lowest_priority ? lowest_priority
                                                    : priority;
    context.streams.push_back(stream);
    *handle = Driver::instance().streams.add(stream);
    return Result::success;
}

Result elapsed(float* milliseconds, const void* start, const void* end)
{
    std::shared_ptr<Event> first = find_event(start);
    std::shared_ptr<Event> second = find_event(end);
    if (milliseconds == nullptr)
    {
        return Result::invalid_value;
    }
    auto timed = [](const std::shared_ptr<Event>& event)
    { return event != nullptr && event->mark != nullptr && (event->flags & event_flags::disable_timing) == 0; };
    if (!timed(first) || !timed(second))
    {
        return Result::invalid_handle;
    }
    if (!finished(*first->mark) || !finished(*second->mark))
    {
        return Result::not_ready;
    }
    std::chrono::duration<float, std::milli> passed = second->mark->time - first->mark->time;
    *milliseconds = passed.count();
    return Result::success;
}
}

std::shared_ptr<Stream> find_stream(Context& context, const void* handle)
{
    switch (reinterpret_cast<uintptr_t>(handle))
    {
    case 0:
    case 1:
        return context.default_stream;
    case 2:
        return own_stream_of_thread(context);
    default:
        break;
    }
    std::shared_ptr<Stream> stream = Driver::instance().streams.find(handle);
    return stream != nullptr && stream->context == &context ? stream : nullptr;
}

Result submit(Context& context, const void* handle, Work work, Lock& lock, size_t held_bytes)
{
    std::shared_ptr<Stream> stream = find_stream(context, handle);
    if (stream == nullptr)
    {
        return Result::invalid_handle;
    }
    if (stream->capture != nullptr)
    {
        return capture_work(*stream, std::move(work));
    }
    Result result = allow_uncaptured_work(*stream);
    if (result == Result::success)
    {
        enqueue(stream, std::move(work), lock, held_bytes);
    }
    return result;
}

Result check_after_wait(Context& context)
{
    if (context.failure() == Result::success && !Memory::instance().guards_whole(&context))
    {
        context.fail(Result::illegal_address);
    }
    return context.failure();
}
}

SOFTCUDA_EXPORT int cuStreamCreate(void** stream, unsigned flags)
{
    return context_call([&](Context& context, Lock&) { return create_stream(stream, flags, 0, context); });
}

SOFTCUDA_EXPORT int cuStreamCreateWithPriority(void** stream, unsigned flags, int priority)
{
    return context_call([&](Context& context, Lock&) { return create_stream(stream, flags, priority, context); });
}

SOFTCUDA_EXPORT int cuCtxGetStreamPriorityRange(int* lowest, int* highest)
{
    return context_call(
        [&](Context&, Lock&)
        {
            if (lowest != nullptr)
            {
                *lowest = lowest_priority;
            }
            if (highest != nullptr)
            {
                *highest = highest_priority;
            }
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuStreamGetPriority(void* handle, int* priority)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            std::shared_ptr<Stream> stream = find_stream(context, handle);
            if (stream == nullptr)
            {
                return Result::invalid_handle;
            }
            *priority = stream->priority;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuStreamGetFlags(void* handle, unsigned* flags)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            std::shared_ptr<Stream> stream = find_stream(context, handle);
            if (stream == nullptr)
            {
                return Result::invalid_handle;
            }
            *flags = stream->flags;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuStreamDestroy_v2(void* handle)
{
    return release_call(
        [&](Context& context, Lock&)
        {
            std::shared_ptr<Stream> stream = Driver::instance().streams.remove(handle);
            if (stream == nullptr)
            {
                return Result::invalid_handle;
            }
            if (stream->capture != nullptr)
            {
                stream->capture->invalidated = true;
            }
            // Its work still runs, when the context is waited for; then the context forgets it.
            context.forget_finished_streams();
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuStreamSynchronize(void* handle)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            std::shared_ptr<Stream> stream = find_stream(context, handle);
            if (stream == nullptr)
            {
                return Result::invalid_handle;
            }
            if (Result result = allow_wait(*stream); result != Result::success)
            {
                return result;
            }
            counters().synchronizes++;
            run_until(*stream, stream->last, lock);
            return check_after_wait(context);
        });
}

SOFTCUDA_EXPORT int cuStreamQuery(void* handle)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            std::shared_ptr<Stream> stream = find_stream(context, handle);
            if (stream == nullptr)
            {
                return Result::invalid_handle;
            }
            if (Result result = allow_wait(*stream); result != Result::success)
            {
                return result;
            }
            if (stream->completed == stream->last)
            {
                return Result::success;
            }
            // Not ready as asked; but a program that asks again and again gets on.
            run_one(*stream, lock);
            return context.failure() != Result::success ? context.failure() : Result::not_ready;
        });
}

SOFTCUDA_EXPORT int cuStreamWaitEvent(void* handle, void* event_handle, unsigned flags)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            std::shared_ptr<Stream> stream = find_stream(context, handle);
            std::shared_ptr<Event> event = find_event(event_handle);
            if (stream == nullptr || event == nullptr)
            {
                return Result::invalid_handle;
            }
            if (flags > 1)
            {
                return Result::invalid_value;
            }
            if (stream->capture != nullptr || event->capture != nullptr)
            {
                return wait_in_capture(stream, *event);
            }
            if (event->mark == nullptr || finished(*event->mark))
            {
                return Result::success;
            }
            if (Result result = allow_uncaptured_work(*stream); result != Result::success)
            {
                return result;
            }
            enqueue(stream, nullptr, lock, 0, {event->mark->position});
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuLaunchHostFunc(void* stream, void (*function)(void*), void* data)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            if (function == nullptr)
            {
                return Result::invalid_value;
            }
            auto work = [function, data]
            {
                inside_host_function = true;
                function(data);
                inside_host_function = false;
                return Result::success;
            };
            return submit(context, stream, work, lock);
        });
}

SOFTCUDA_EXPORT int cuEventCreate(void** handle, unsigned flags)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            unsigned known = event_flags::blocking_sync | event_flags::disable_timing | event_flags::interprocess;
            if (handle == nullptr || (flags & ~known) != 0)
            {
                return Result::invalid_value;
            }
            auto event = std::make_shared<Event>();
            event->context = &context;
            event->flags = flags;
            *handle = Driver::instance().events.add(event);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuEventDestroy_v2(void* handle)
{
    return release_call(
        [&](Context&, Lock&)
        {
            // Marks that wait in a queue outlive the event.
            return Driver::instance().events.remove(handle) != nullptr ? Result::success : Result::invalid_handle;
        });
}

SOFTCUDA_EXPORT int cuEventRecord(void* event_handle, void* stream_handle)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            std::shared_ptr<Stream> stream = find_stream(context, stream_handle);
            std::shared_ptr<Event> event = find_event(event_handle);
            if (stream == nullptr || event == nullptr || event->context != &context)
            {
                return Result::invalid_handle;
            }
            if (stream->capture != nullptr)
            {
                record_in_capture(*event, *stream);
                return stream->capture->invalidated ? Result::capture_invalidated : Result::success;
            }
            if (Result result = allow_uncaptured_work(*stream); result != Result::success)
            {
                return result;
            }
            auto mark = std::make_shared<EventMark>();
            auto reach = [mark]
            {
                mark->time = std::chrono::steady_clock::now();
                return Result::success;
            };
            mark->position = {stream, enqueue(stream, reach, lock)};
            event->mark = mark;
            event->capture = nullptr;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuEventSynchronize(void* handle)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            std::shared_ptr<Event> event = find_event(handle);
            if (event == nullptr)
            {
                return Result::invalid_handle;
            }
            if (event->capture != nullptr)
            {
                event->capture->invalidated |= in_progress(event->capture);
                return Result::captured_event;
            }
            if (event->mark == nullptr)
            {
                return Result::success;
            }
            counters().synchronizes++;
            // Held here: another thread may record the event again, or destroy it, while this one waits.
            Position position = event->mark->position;
            run_until(*position.stream, position.sequence, lock);
            return check_after_wait(context);
        });
}

SOFTCUDA_EXPORT int cuEventQuery(void* handle)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            std::shared_ptr<Event> event = find_event(handle);
            if (event == nullptr)
            {
                return Result::invalid_handle;
            }
            if (event->capture != nullptr)
            {
                event->capture->invalidated |= in_progress(event->capture);
                return Result::captured_event;
            }
            if (event->mark == nullptr || finished(*event->mark))
            {
                return Result::success;
            }
            std::shared_ptr<Stream> stream = event->mark->position.stream;
            run_one(*stream, lock);
            return context.failure() != Result::success ? context.failure() : Result::not_ready;
        });
}

SOFTCUDA_EXPORT int cuEventElapsedTime(float* milliseconds, void* start, void* end)
{
    return context_call([&](Context&, Lock&) { return elapsed(milliseconds, start, end); });
}

SOFTCUDA_EXPORT int cuEventElapsedTime_v2(float* milliseconds, void* start, void* end)
{
    return context_call(
        [&](Context&, Lock&)
        { return driver_knows(12080) ? elapsed(milliseconds, start, end) : Result::not_supported; });
}

SOFTCUDA_EXPORT int cuStreamBeginCapture_v2(void* handle, int mode)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            std::shared_ptr<Stream> stream = find_stream(context, handle);
            if (stream == nullptr)
            {
                return Result::invalid_handle;
            }
            if (mode < static_cast<int>(CaptureMode::global) || mode > static_cast<int>(CaptureMode::relaxed))
            {
                return Result::invalid_value;
            }
            return begin_capture(stream, static_cast<CaptureMode>(mode));
        });
}

SOFTCUDA_EXPORT int cuStreamEndCapture(void* handle, void** graph_handle)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            std::shared_ptr<Stream> stream = find_stream(context, handle);
            if (stream == nullptr)
            {
                return Result::invalid_handle;
            }
            if (graph_handle == nullptr)
            {
                return Result::invalid_value;
            }
            *graph_handle = nullptr;
            std::shared_ptr<Graph> graph;
            Result result = end_capture(stream, graph);
            if (result == Result::success)
            {
                *graph_handle = Driver::instance().graphs.add(graph);
            }
            return result;
        });
}

SOFTCUDA_EXPORT int cuStreamIsCapturing(void* handle, int* status)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            std::shared_ptr<Stream> stream = find_stream(context, handle);
            if (stream == nullptr)
            {
                return Result::invalid_handle;
            }
            if (status == nullptr)
            {
                return Result::invalid_value;
            }
            if (Result result = allow_uncaptured_work(*stream); result != Result::success)
            {
                return result;
            }
            CaptureStatus state = stream->capture == nullptr       ? CaptureStatus::none
                                  : stream->capture->invalidated ? CaptureStatus::invalidated
                                                                 : CaptureStatus::active;
            *status = static_cast<int>(state);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuGraphInstantiateWithFlags(void** exec, void* graph_handle, unsigned long long)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            if (!driver_knows(11040))
            {
                return Result::not_supported;
            }
            std::shared_ptr<Graph> graph = Driver::instance().graphs.find(graph_handle);
            if (exec == nullptr || graph == nullptr)
            {
                return Result::invalid_value;
            }
            // A copy of its own: what becomes of the graph later does not change it.
            auto instance = std::make_shared<GraphExec>();
            instance->context = &context;
            instance->graph = std::make_shared<const Graph>(*graph);
            *exec = Driver::instance().graph_execs.add(instance);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuGraphLaunch(void* exec_handle, void* stream)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            std::shared_ptr<GraphExec> exec = Driver::instance().graph_execs.find(exec_handle);
            if (exec == nullptr)
            {
                return Result::invalid_value;
            }
            return submit(context, stream, [graph = exec->graph] { return graph->run(); }, lock);
        });
}

SOFTCUDA_EXPORT int cuGraphGetNodes(void* graph_handle, void** nodes, size_t* count)
{
    return context_call(
        [&](Context&, Lock&)
        {
            std::shared_ptr<Graph> graph = Driver::instance().graphs.find(graph_handle);
            if (graph == nullptr || count == nullptr)
            {
                return Result::invalid_value;
            }
            if (nodes == nullptr)
            {
                *count = graph->nodes.size();
                return Result::success;
            }
            // As many as the caller has room for; entries past the last node are null.
            for (size_t i = 0; i < *count; i++)
            {
                nodes[i] = i < graph->nodes.size() ? &graph->nodes[i] : nullptr;
            }
            *count = std::min(*count, graph->nodes.size());
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuGraphDestroy(void* graph)
{
    return driver_call(
        [&](Lock&)
        { return Driver::instance().graphs.remove(graph) != nullptr ? Result::success : Result::invalid_value; });
}

SOFTCUDA_EXPORT int cuGraphExecDestroy(void* exec)
{
    return driver_call(
        [&](Lock&)
        { return Driver::instance().graph_execs.remove(exec) != nullptr ? Result::success : Result::invalid_value; });
}

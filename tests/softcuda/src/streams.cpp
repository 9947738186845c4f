#include "streams.h"

#include <condition_variable>

#include "context.h"
#include "settings.h"

namespace softcuda
{
namespace
{
// Beyond either, a queue is run from its front: memory must stay bounded in a program that never waits.
constexpr size_t longest_queue = 1000;
constexpr size_t most_held_bytes = size_t{256} << 20;

std::condition_variable& operation_finished()
{
    static std::condition_variable* instance = new std::condition_variable;
    return *instance;
}

uint64_t next_sequence()
{
    static uint64_t sequence = 0;
    return ++sequence;
}

// What the legacy default stream means: its work comes after all earlier work of blocking streams, and theirs after its.
void add_implicit_order(const Stream& stream, std::vector<Position>& after)
{
    Context& context = *stream.context;
    if (&stream != context.default_stream.get())
    {
        if (stream.blocking && context.default_stream->completed < context.default_stream->last)
        {
            after.push_back({context.default_stream, context.default_stream->last});
        }
        return;
    }
    for (const std::shared_ptr<Stream>& other : context.streams)
    {
        if (other->blocking && other->completed < other->last)
        {
            after.push_back({other, other->last});
        }
    }
}

void run_front(Stream& stream, Lock& lock)
{
    Operation operation = std::move(stream.queue.front());
    stream.queue.pop_front();
    stream.busy = true;
    // Waits can only be for operations that were queued earlier, so they cannot go round in a circle.
    for (const Position& position : operation.after)
    {
        run_until(*position.stream, position.sequence, lock);
    }
    bool run = stream.context->failure() == Result::success;
    lock.unlock();
    Result result = run && operation.work ? operation.work() : Result::success;
    operation.work = nullptr;
    lock.lock();
    stream.context->fail(result);
    stream.busy = false;
    stream.completed = operation.sequence;
    stream.held_bytes -= operation.held_bytes;
    operation_finished().notify_all();
}
}

uint64_t enqueue(const std::shared_ptr<Stream>& stream, Work work, Lock& lock, size_t held_bytes,
                 std::vector<Position> after)
{
    add_implicit_order(*stream, after);
    Operation operation;
    operation.work = std::move(work);
    operation.after = std::move(after);
    uint64_t sequence = next_sequence();
    operation.sequence = sequence;
    operation.held_bytes = held_bytes;
    stream->last = sequence;
    stream->held_bytes += held_bytes;
    stream->queue.push_back(std::move(operation));
    if (!settings().defer)
    {
        run_until(*stream, sequence, lock);
    }
    while (!stream->busy && !stream->queue.empty() &&
           (stream->queue.size() > longest_queue || stream->held_bytes > most_held_bytes))
    {
        run_front(*stream, lock);
    }
    return sequence;
}

void run_until(Stream& stream, uint64_t sequence, Lock& lock)
{
    while (stream.completed < sequence)
    {
        if (stream.busy)
        {
            operation_finished().wait(lock);
        }
        else
        {
            run_front(stream, lock);
        }
    }
}

void run_one(Stream& stream, Lock& lock)
{
    if (!stream.busy && !stream.queue.empty())
    {
        run_front(stream, lock);
    }
}

void drain(Context& context, Lock& lock)
{
    // A copy: other threads may create and destroy streams while operations run.
    std::vector<std::shared_ptr<Stream>> streams = context.streams;
    streams.push_back(context.default_stream);
    for (const std::shared_ptr<Stream>& stream : streams)
    {
        run_until(*stream, stream->last, lock);
    }
    context.forget_finished_streams();
}
}

// Streams: queues of work that the host threads run when they wait for it.
//
// A device that runs queued work at once hides every missing event and every missing wait. Here (DEFER=1) an operation
// runs only when a thread waits for it: on the waiting thread, after what stands before it in its stream and what other
// streams' events ask for, and nothing else.
//
// One lock guards all queues; it is free while an operation runs, so threads that wait for different streams run them
// at the same time.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda_types.h"

namespace softcuda
{
class Context;
struct Capture;
struct Stream;

using Lock = std::unique_lock<std::mutex>;
using Work = std::function<Result()>;

// "That operation of that stream, and all before it."
struct Position
{
    std::shared_ptr<Stream> stream;
    uint64_t sequence;
};

struct Operation
{
    Work work;
    std::vector<Position> after;
    uint64_t sequence = 0;
    size_t held_bytes = 0;
};

struct Stream
{
    Context* context = nullptr;
    bool blocking = true;  // waits for the legacy default stream, and is waited for by it
    unsigned flags = 0;
    int priority = 0;
    std::deque<Operation> queue;
    uint64_t last = 0;       // sequence of the newest operation
    uint64_t completed = 0;  // all operations up to this sequence have run
    bool busy = false;       // a thread runs the operation that was in front
    size_t held_bytes = 0;   // of copies that wait in the queue

    std::shared_ptr<Capture> capture;        // what the stream's calls are recorded into, if anything
    std::vector<unsigned> capture_frontier;  // the nodes that the next node of this stream comes after
};

// A point in a stream that cuEventRecord has marked.
struct EventMark
{
    Position position;
    std::chrono::steady_clock::time_point time;
};

struct Event
{
    Context* context = nullptr;
    unsigned flags = 0;
    std::shared_ptr<EventMark> mark;         // null before the first record
    std::shared_ptr<Capture> capture;        // where the last record was captured
    std::vector<unsigned> capture_frontier;  // what the recording stream had done by then
};

// Queues work; with DEFER=0 runs it at once. The stream does not capture. held_bytes: host memory that the operation
// keeps until it has run. Returns the operation's sequence.
uint64_t enqueue(const std::shared_ptr<Stream>& stream, Work work, Lock& lock, size_t held_bytes = 0,
                 std::vector<Position> after = {});

// Runs, or waits for, everything of the stream up to the sequence.
void run_until(Stream& stream, uint64_t sequence, Lock& lock);

// Runs the stream's next operation, if it has one that no other thread runs: so that a program that polls gets on.
void run_one(Stream& stream, Lock& lock);

void drain(Context& context, Lock& lock);
}

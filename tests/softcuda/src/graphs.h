// Stream capture and graphs.
#pragma once
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cuda_types.h"
#include "streams.h"

namespace softcuda
{
struct GraphNode
{
    Work work;
    std::vector<unsigned> after;  // numbers of the nodes that come before it, all smaller than its own
};

struct Graph
{
    std::vector<GraphNode> nodes;

    // Runs every node once, in the order that settings().order picks among those that the graph allows.
    Result run() const;
};

// A capture in progress: one origin stream, and those that an event has drawn in.
struct Capture
{
    std::shared_ptr<Graph> graph = std::make_shared<Graph>();
    std::shared_ptr<Stream> origin;
    std::vector<std::shared_ptr<Stream>> members;  // with the origin
    CaptureMode mode = CaptureMode::global;
    std::thread::id thread;
    bool invalidated = false;
};

// Adds work to the graph that the stream captures.
Result capture_work(Stream& stream, Work work);

// Whether the calling thread may now make a call that cannot be captured and may disturb a capture, such as
// cuMemAlloc. If not, the captures that forbid it are invalidated.
Result allow_unsafe_call();

// Whether work may be added to a stream that does not capture: not to the default stream while a stream that it waits
// for captures.
Result allow_uncaptured_work(const Stream& stream);

Result begin_capture(const std::shared_ptr<Stream>& stream, CaptureMode mode);
Result end_capture(const std::shared_ptr<Stream>& stream, std::shared_ptr<Graph>& graph);

// cuEventRecord and cuStreamWaitEvent where a capture has a part in it.
void record_in_capture(Event& event, const Stream& stream);
Result wait_in_capture(const std::shared_ptr<Stream>& stream, const Event& event);
}

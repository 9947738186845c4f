#include "graphs.h"

#include <algorithm>
#include <random>

#include "context.h"
#include "settings.h"

namespace softcuda
{
namespace
{
void add_unique(std::vector<unsigned>& nodes, const std::vector<unsigned>& more)
{
    for (unsigned node : more)
    {
        if (std::find(nodes.begin(), nodes.end(), node) == nodes.end())
        {
            nodes.push_back(node);
        }
    }
}

// Every node that one of `ends` comes after, with the ends themselves.
std::vector<bool> reachable_from(const Graph& graph, const std::vector<unsigned>& ends)
{
    std::vector<bool> reached(graph.nodes.size(), false);
    for (unsigned end : ends)
    {
        reached[end] = true;
    }
    for (size_t i = graph.nodes.size(); i-- > 0;)
    {
        if (reached[i])
        {
            for (unsigned before : graph.nodes[i].after)
            {
                reached[before] = true;
            }
        }
    }
    return reached;
}

void leave(Capture& capture)
{
    for (const std::shared_ptr<Stream>& member : capture.members)
    {
        member->capture = nullptr;
        member->capture_frontier.clear();
    }
    auto& captures = Driver::instance().captures;
    auto same = [&capture](const std::shared_ptr<Capture>& other) { return other.get() == &capture; };
    captures.erase(std::remove_if(captures.begin(), captures.end(), same), captures.end());
}

void join(const std::shared_ptr<Capture>& capture, const std::shared_ptr<Stream>& stream)
{
    stream->capture = capture;
    stream->capture_frontier.clear();
    capture->members.push_back(stream);
}
}

Result Graph::run() const
{
    Order order = settings().order;
    std::mt19937_64 random(settings().seed);
    std::vector<unsigned> missing(nodes.size());
    std::vector<std::vector<unsigned>> followers(nodes.size());
    std::vector<unsigned> ready;  // ascending
    for (unsigned i = 0; i < nodes.size(); i++)
    {
        missing[i] = static_cast<unsigned>(nodes[i].after.size());
        for (unsigned before : nodes[i].after)
        {
            followers[before].push_back(i);
        }
        if (missing[i] == 0)
        {
            ready.push_back(i);
        }
    }
    while (!ready.empty())
    {
        size_t pick = order == Order::ascending    ? 0
                      : order == Order::descending ? ready.size() - 1
                                                   : random() % ready.size();
        unsigned node = ready[pick];
        ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(pick));
        if (Result result = nodes[node].work(); result != Result::success)
        {
            return result;
        }
        for (unsigned follower : followers[node])
        {
            if (--missing[follower] == 0)
            {
                ready.insert(std::lower_bound(ready.begin(), ready.end(), follower), follower);
            }
        }
    }
    return Result::success;
}

Result capture_work(Stream& stream, Work work)
{
    Capture& capture = *stream.capture;
    if (capture.invalidated)
    {
        return Result::capture_invalidated;
    }
    GraphNode node;
    node.work = std::move(work);
    node.after = stream.capture_frontier;
    stream.capture_frontier = {static_cast<unsigned>(capture.graph->nodes.size())};
    capture.graph->nodes.push_back(std::move(node));
    return Result::success;
}

Result allow_unsafe_call()
{
    Result result = Result::success;
    for (const std::shared_ptr<Capture>& capture : Driver::instance().captures)
    {
        bool own = capture->thread == std::this_thread::get_id();
        bool forbids = capture->mode == CaptureMode::global || (own && capture->mode == CaptureMode::thread_local_);
        if (forbids)
        {
            capture->invalidated = true;
            result = Result::capture_unsupported;
        }
    }
    return result;
}

Result allow_uncaptured_work(const Stream& stream)
{
    Context& context = *stream.context;
    if (&stream != context.default_stream.get())
    {
        return Result::success;
    }
    Result result = Result::success;
    for (const std::shared_ptr<Stream>& other : context.streams)
    {
        if (other->blocking && other->capture != nullptr)
        {
            other->capture->invalidated = true;
            result = Result::capture_implicit;
        }
    }
    return result;
}

Result begin_capture(const std::shared_ptr<Stream>& stream, CaptureMode mode)
{
    if (stream == stream->context->default_stream)
    {
        return Result::capture_unsupported;
    }
    if (stream->capture != nullptr)
    {
        return Result::illegal_state;
    }
    auto capture = std::make_shared<Capture>();
    capture->origin = stream;
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    join(capture, stream);
    Driver::instance().captures.push_back(capture);
    return Result::success;
}

Result end_capture(const std::shared_ptr<Stream>& stream, std::shared_ptr<Graph>& graph)
{
    std::shared_ptr<Capture> capture = stream->capture;
    if (capture == nullptr)
    {
        return Result::illegal_state;
    }
    if (capture->origin != stream)
    {
        return Result::capture_unmatched;
    }
    if (capture->mode != CaptureMode::relaxed && capture->thread != std::this_thread::get_id())
    {
        return Result::capture_wrong_thread;
    }
    std::vector<bool> joined = reachable_from(*capture->graph, stream->capture_frontier);
    bool all_joined = std::find(joined.begin(), joined.end(), false) == joined.end();
    leave(*capture);
    if (capture->invalidated)
    {
        return Result::capture_invalidated;
    }
    if (!all_joined)
    {
        return Result::capture_unjoined;
    }
    graph = capture->graph;
    return Result::success;
}

void record_in_capture(Event& event, const Stream& stream)
{
    event.capture = stream.capture;
    event.capture_frontier = stream.capture_frontier;
}

Result wait_in_capture(const std::shared_ptr<Stream>& stream, const Event& event)
{
    if (event.capture == nullptr)
    {
        // A captured stream cannot wait for something outside its graph.
        stream->capture->invalidated = true;
        return Result::capture_isolation;
    }
    if (event.capture->invalidated)
    {
        return Result::capture_invalidated;
    }
    const auto& captures = Driver::instance().captures;
    if (std::find(captures.begin(), captures.end(), event.capture) == captures.end())
    {
        return Result::captured_event;
    }
    if (stream->capture != nullptr && stream->capture != event.capture)
    {
        stream->capture->invalidated = true;
        event.capture->invalidated = true;
        return Result::capture_merge;
    }
    if (stream == stream->context->default_stream)
    {
        event.capture->invalidated = true;
        return Result::capture_implicit;
    }
    if (stream->capture == nullptr)
    {
        join(event.capture, stream);
    }
    add_unique(stream->capture_frontier, event.capture_frontier);
    return Result::success;
}
}

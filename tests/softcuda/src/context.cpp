#include "context.h"

#include <algorithm>

#include "graphs.h"
#include "memory.h"
#include "module.h"

namespace softcuda
{
namespace
{
thread_local std::vector<Context*> context_stack;
}

Context::Context(Device device_, bool primary_) : device(device_), primary(primary_)
{
    reset();
}

void Context::reset()
{
    failure_ = Result::success;
    streams.clear();
    default_stream = std::make_shared<Stream>();
    default_stream->context = this;
}

void Context::fail(Result result)
{
    Result none = Result::success;
    if (result != Result::success)
    {
        failure_.compare_exchange_strong(none, result);
    }
}

void Context::forget_finished_streams()
{
    const Driver& driver = Driver::instance();
    auto finished = [&driver](const std::shared_ptr<Stream>& stream)
    { return stream->completed == stream->last && driver.streams.find(stream.get()) == nullptr; };
    streams.erase(std::remove_if(streams.begin(), streams.end(), finished), streams.end());
}

Driver& Driver::instance()
{
    static Driver* driver = new Driver;  // never destroyed: handles may be released while the process ends
    return *driver;
}

Context* current_context()
{
    return context_stack.empty() ? nullptr : context_stack.back();
}

void set_current_context(Context* context)
{
    if (!context_stack.empty())
    {
        context_stack.pop_back();
    }
    if (context != nullptr)
    {
        context_stack.push_back(context);
    }
}

void push_context(Context* context)
{
    context_stack.push_back(context);
}

bool pop_context(Context*& context)
{
    if (context_stack.empty())
    {
        return false;
    }
    context = context_stack.back();
    context_stack.pop_back();
    return true;
}

void release_resources(Context& context, Lock& lock)
{
    drain(context, lock);
    Driver& driver = Driver::instance();
    auto belongs = [&context](const auto& object) { return object.context == &context; };
    for (const std::shared_ptr<Capture>& capture : driver.captures)
    {
        capture->invalidated |= capture->origin->context == &context;
    }
    driver.streams.remove_if(belongs);
    driver.events.remove_if(belongs);
    driver.graph_execs.remove_if(belongs);
    for (const std::shared_ptr<LoadedModule>& loaded : driver.modules.remove_if(belongs))
    {
        for (auto entry = driver.functions.begin(); entry != driver.functions.end();)
        {
            entry = entry->second == loaded.get() ? driver.functions.erase(entry) : std::next(entry);
        }
    }
    Memory::instance().free_all(&context);
    Memory::instance().free_all_pinned(&context);
    context.reset();
}
}

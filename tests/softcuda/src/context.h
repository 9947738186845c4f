// Contexts, and the tables in which the driver keeps everything that has a handle.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda_types.h"
#include "streams.h"

namespace softcuda
{
class Module;
struct Function;
struct Graph;

class Context
{
public:
    Context(Device device, bool primary);

    // The error that every later call in this context answers with; success while there is none.
    Result failure() const { return failure_.load(); }

    // A kernel that failed leaves the context unusable, as on a GPU. The first failure stays.
    void fail(Result result);

    // Streams that were destroyed while they had work are kept until it has run.
    void forget_finished_streams();

    const Device device;
    const bool primary;
    int references = 0;  // of a primary context; it is alive while there are any
    bool alive = true;
    std::shared_ptr<Stream> default_stream;
    std::vector<std::shared_ptr<Stream>> streams;

    // Back to how a fresh context is: after the last release of a primary context.
    void reset();

private:
    std::atomic<Result> failure_{Result::success};
};

// Objects that the caller knows by a pointer. A pointer that is not in the table is answered with an error.
template <typename T>
class HandleTable
{
public:
    T* add(std::shared_ptr<T> object)
    {
        T* handle = object.get();
        objects_[handle] = std::move(object);
        return handle;
    }

    std::shared_ptr<T> find(const void* handle) const
    {
        auto found = objects_.find(handle);
        return found != objects_.end() ? found->second : nullptr;
    }

    std::shared_ptr<T> remove(const void* handle)
    {
        auto found = objects_.find(handle);
        if (found == objects_.end())
        {
            return nullptr;
        }
        std::shared_ptr<T> object = std::move(found->second);
        objects_.erase(found);
        return object;
    }

    // Takes out what the predicate is true for; the caller destroys it.
    template <typename Predicate>
    std::vector<std::shared_ptr<T>> remove_if(Predicate predicate)
    {
        std::vector<std::shared_ptr<T>> removed;
        for (auto entry = objects_.begin(); entry != objects_.end();)
        {
            bool out = predicate(*entry->second);
            if (out)
            {
                removed.push_back(std::move(entry->second));
            }
            entry = out ? objects_.erase(entry) : std::next(entry);
        }
        return removed;
    }

    template <typename Predicate>
    std::shared_ptr<T> find_if(Predicate predicate) const
    {
        for (const auto& [handle, object] : objects_)
        {
            if (predicate(*object))
            {
                return object;
            }
        }
        return nullptr;
    }

    size_t size() const { return objects_.size(); }

private:
    std::map<const void*, std::shared_ptr<T>> objects_;
};

struct LoadedModule
{
    Context* context;
    std::shared_ptr<Module> module;
};

struct GraphExec
{
    Context* context;
    std::shared_ptr<const Graph> graph;
};

// All of the driver's state that its lock guards.
struct Driver
{
    static Driver& instance();

    std::mutex mutex;
    bool initialised = false;
    std::map<Device, std::shared_ptr<Context>> primary_contexts;
    HandleTable<Context> contexts;
    HandleTable<Stream> streams;
    HandleTable<Event> events;
    HandleTable<LoadedModule> modules;
    HandleTable<Graph> graphs;
    HandleTable<GraphExec> graph_execs;
    std::map<const void*, LoadedModule*> functions;  // which module a CUfunction belongs to
    std::vector<std::shared_ptr<Capture>> captures;  // in progress
};

// The context that is current to the calling thread, or null.
Context* current_context();
void set_current_context(Context* context);
void push_context(Context* context);
bool pop_context(Context*& context);

// Runs what the context still has queued, then releases all that belongs to it.
void release_resources(Context& context, Lock& lock);
}

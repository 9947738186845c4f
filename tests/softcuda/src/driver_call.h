// What every function of the driver API starts with: is the driver initialised, is a context current, has it failed.
#pragma once
#include <new>
#include <utility>

#include "context.h"
#include "cuda_types.h"
#include "graphs.h"
#include "settings.h"

// Functions of the driver API are named and laid out as cuda.h has them.
#define SOFTCUDA_EXPORT extern "C" __attribute__((visibility("default")))

namespace softcuda
{
// Set while a function of cuLaunchHostFunc runs: it must not call the driver.
extern thread_local bool inside_host_function;

template <typename Body>
int driver_call(Body body)
{
    try
    {
        if (inside_host_function)
        {
            return static_cast<int>(Result::not_permitted);
        }
        Lock lock(Driver::instance().mutex);
        Result result = Driver::instance().initialised ? body(lock) : Result::not_initialized;
        return static_cast<int>(result);
    }
    catch (const std::bad_alloc&)
    {
        return static_cast<int>(Result::out_of_memory);
    }
}

// The calling thread's context, as a call that needs one finds it.
inline Result usable_context(Context*& context)
{
    context = current_context();
    if (context == nullptr)
    {
        return Result::invalid_context;
    }
    return context->alive ? Result::success : Result::context_is_destroyed;
}

// body(context, lock). A context that has failed answers with its failure.
template <typename Body>
int context_call(Body body)
{
    return driver_call(
        [&](Lock& lock)
        {
            Context* context;
            Result result = usable_context(context);
            if (result == Result::success)
            {
                result = context->failure();
            }
            return result == Result::success ? body(*context, lock) : result;
        });
}

// For calls that release something: they do so in a failed context too, and then answer with its failure.
template <typename Body>
int release_call(Body body)
{
    return driver_call(
        [&](Lock& lock)
        {
            Context* context;
            Result result = usable_context(context);
            if (result != Result::success)
            {
                return result;
            }
            result = body(*context, lock);
            return context->failure() != Result::success ? context->failure() : result;
        });
}

// Whether the driver that is played knows a function that came with this version of CUDA.
inline bool driver_knows(int version)
{
    return settings().driver_version >= version;
}

// The stream that a handle of the caller stands for in a context, or null. 0 and 1 are the legacy default stream, 2 the
// calling thread's own.
std::shared_ptr<Stream> find_stream(Context& context, const void* handle);

// Adds an operation to a stream: to its queue, or to the graph that it captures.
Result submit(Context& context, const void* stream, Work work, Lock& lock, size_t held_bytes = 0);

// What a thread learns that has waited for the device: its failure, or a write outside a buffer that only now shows.
Result check_after_wait(Context& context);
}

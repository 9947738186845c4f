// The driver API: memory and copies.
#include <algorithm>
#include <cstring>
#include <vector>

#include "checker.h"
#include "counters.h"
#include "driver_call.h"
#include "exports.h"
#include "memory.h"
#include "module.h"
#include "report.h"

using namespace softcuda;

namespace softcuda
{
namespace
{
constexpr unsigned known_host_flags = 7;  // portable, device map, write combined: no difference here

// A range of device memory as one end of a copy: part of a buffer, or of a module's variable.
struct DeviceRange
{
    DevicePointer begin = 0;
    size_t bytes = 0;
    std::shared_ptr<Module> module;  // set for a variable, which lives as long as its module

    void* pointer() const { return reinterpret_cast<void*>(begin); }

    // Looked up again when the copy runs: by then the buffer may have been freed.
    bool present() const
    {
        return bytes == 0 || module != nullptr || Memory::instance().find_live(begin, bytes) != nullptr;
    }
};

bool find_range(DevicePointer pointer, size_t bytes, DeviceRange& range)
{
    range.begin = pointer;
    range.bytes = bytes;
    if (range.present())
    {
        return true;
    }
    auto holds = [&](const LoadedModule& loaded) { return loaded.module->owns(pointer, bytes); };
    std::shared_ptr<LoadedModule> loaded = Driver::instance().modules.find_if(holds);
    range.module = loaded != nullptr ? loaded->module : nullptr;
    return loaded != nullptr;
}

Shadow* shadow_of(const DeviceRange& range, size_t& offset)
{
    Allocation* allocation = Memory::instance().find_live(range.begin, range.bytes);
    if (allocation == nullptr || range.bytes == 0)
    {
        return nullptr;
    }
    offset = range.begin - allocation->begin;
    return allocation->shadow.get();
}

void mark_written(const DeviceRange& range)
{
    size_t offset;
    if (Shadow* shadow = shadow_of(range, offset))
    {
        shadow->mark_written(offset, range.bytes);
    }
}

// A copy carries along which bytes were ever written.
void copy_written(const DeviceRange& destination, const DeviceRange& source)
{
    size_t to;
    size_t from;
    Shadow* destination_shadow = shadow_of(destination, to);
    Shadow* source_shadow = shadow_of(source, from);
    if (destination_shadow != nullptr && source_shadow != nullptr)
    {
        destination_shadow->copy(to, *source_shadow, from, source.bytes);
    }
    else if (destination_shadow != nullptr)
    {
        destination_shadow->mark_written(to, destination.bytes);
    }
}

Result gone(const char* operation, const DeviceRange& range)
{
    report(format("error 700: %s of %zu bytes at 0x%llx, %s", operation, range.bytes, range.begin,
                  Memory::instance().describe(range.begin).c_str()));
    return Result::illegal_address;
}

Work copy_to_device(const DeviceRange& destination, std::shared_ptr<std::vector<char>> snapshot, const void* source)
{
    return [destination, snapshot, source]
    {
        counters().copies++;
        if (!destination.present())
        {
            return gone("copy to the device", destination);
        }
        std::memcpy(destination.pointer(), snapshot != nullptr ? snapshot->data() : source, destination.bytes);
        mark_written(destination);
        return Result::success;
    };
}

Work copy_to_host(void* destination, const DeviceRange& source)
{
    return [destination, source]
    {
        counters().copies++;
        if (!source.present())
        {
            return gone("copy to the host", source);
        }
        std::memcpy(destination, source.pointer(), source.bytes);
        return Result::success;
    };
}

Work copy_on_device(const DeviceRange& destination, const DeviceRange& source)
{
    return [destination, source]
    {
        counters().copies++;
        if (!destination.present() || !source.present())
        {
            return gone("copy on the device", destination.present() ? source : destination);
        }
        std::memmove(destination.pointer(), source.pointer(), source.bytes);
        copy_written(destination, source);
        return Result::success;
    };
}

template <typename T>
Work fill(const DeviceRange& destination, T value)
{
    return [destination, value]
    {
        if (!destination.present())
        {
            return gone("memset", destination);
        }
        T* elements = static_cast<T*>(destination.pointer());
        std::fill(elements, elements + destination.bytes / sizeof(T), value);
        mark_written(destination);
        return Result::success;
    };
}

// Queues work on the legacy default stream and waits for it, as the calls without a stream do.
Result run_and_wait(Context& context, Work work, Lock& lock)
{
    if (Result result = allow_unsafe_call(); result != Result::success)
    {
        return result;
    }
    if (Result result = allow_uncaptured_work(*context.default_stream); result != Result::success)
    {
        return result;
    }
    uint64_t sequence = enqueue(context.default_stream, std::move(work), lock);
    run_until(*context.default_stream, sequence, lock);
    return context.failure();
}

bool is_pinned(const void* host, size_t bytes)
{
    PinnedRange range;
    uintptr_t begin = reinterpret_cast<uintptr_t>(host);
    return Memory::instance().find_pinned(begin, range) && bytes <= range.size - (begin - range.begin);
}

bool captures(Context& context, const void* stream_handle)
{
    std::shared_ptr<Stream> stream = find_stream(context, stream_handle);
    return stream != nullptr && stream->capture != nullptr;
}

template <typename T>
int memset_call(DevicePointer destination, T value, size_t count, void* stream)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            DeviceRange range;
            if (destination % sizeof(T) != 0 || !find_range(destination, count * sizeof(T), range))
            {
                return Result::invalid_value;
            }
            return submit(context, stream, fill(range, value), lock);
        });
}

Result allocate(Context& context, DevicePointer* pointer, size_t bytes)
{
    if (pointer == nullptr)
    {
        return Result::invalid_value;
    }
    Result result = Memory::instance().allocate(bytes, context.device, &context, *pointer);
    counters().allocs += result == Result::success;
    return result;
}

int allocate_host(void** pointer, size_t bytes, unsigned flags)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            if (pointer == nullptr || bytes == 0 || (flags & ~known_host_flags) != 0)
            {
                return Result::invalid_value;
            }
            if (Result result = allow_unsafe_call(); result != Result::success)
            {
                return result;
            }
            *pointer = Memory::instance().allocate_pinned(bytes, &context);
            return *pointer != nullptr ? Result::success : Result::out_of_memory;
        });
}

// By the numbers of CUpointer_attribute.
enum PointerAttribute
{
    pointer_context = 1,
    pointer_memory_type = 2,
    pointer_device_pointer = 3,
    pointer_host_pointer = 4,
    pointer_is_managed = 8,
    pointer_device_ordinal = 9,
    pointer_range_start = 11,
    pointer_range_size = 12,
    pointer_mapped = 13,
};

struct PointerFacts
{
    const void* context;
    unsigned memory_type;  // 1 host, 2 device
    uintptr_t begin;
    size_t size;
};

bool find_pointer(DevicePointer pointer, PointerFacts& facts)
{
    if (Allocation* allocation = Memory::instance().find_live(pointer, 1))
    {
        facts = {allocation->context, 2, allocation->begin, allocation->size};
        return true;
    }
    PinnedRange range;
    if (Memory::instance().find_pinned(pointer, range))
    {
        facts = {range.context, 1, range.begin, range.size};
        return true;
    }
    return false;
}

Result pointer_attribute(void* data, int attribute, DevicePointer pointer)
{
    PointerFacts facts;
    if (data == nullptr || !find_pointer(pointer, facts))
    {
        return Result::invalid_value;
    }
    bool host = facts.memory_type == 1;
    switch (attribute)
    {
    case pointer_context:
        *static_cast<const void**>(data) = facts.context;
        return Result::success;
    case pointer_memory_type:
        *static_cast<unsigned*>(data) = facts.memory_type;
        return Result::success;
    case pointer_device_pointer:
        *static_cast<DevicePointer*>(data) = pointer;
        return Result::success;
    case pointer_host_pointer:
        *static_cast<void**>(data) = host ? reinterpret_cast<void*>(pointer) : nullptr;
        return host ? Result::success : Result::invalid_value;
    case pointer_is_managed:
        *static_cast<unsigned*>(data) = 0;
        return Result::success;
    case pointer_device_ordinal:
        *static_cast<int*>(data) = static_cast<const Context*>(facts.context)->device;
        return Result::success;
    case pointer_range_start:
        *static_cast<DevicePointer*>(data) = facts.begin;
        return Result::success;
    case pointer_range_size:
        *static_cast<size_t*>(data) = facts.size;
        return Result::success;
    case pointer_mapped:
        *static_cast<unsigned*>(data) = 1;
        return Result::success;
    default:
        return Result::invalid_value;
    }
}
}
}

SOFTCUDA_EXPORT int cuMemGetInfo_v2(size_t* free, size_t* total)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            if (free == nullptr || total == nullptr)
            {
                return Result::invalid_value;
            }
            size_t used = Memory::instance().used(context.device);
            *total = settings().memory;
            *free = *total - std::min<size_t>(used, *total);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuMemAlloc_v2(DevicePointer* pointer, size_t bytes)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            Result result = allow_unsafe_call();
            return result == Result::success ? allocate(context, pointer, bytes) : result;
        });
}

SOFTCUDA_EXPORT int cuMemFree_v2(DevicePointer pointer)
{
    return release_call(
        [&](Context& context, Lock& lock)
        {
            if (pointer == 0)
            {
                return Result::success;
            }
            if (Result result = allow_unsafe_call(); result != Result::success)
            {
                return result;
            }
            drain(context, lock);
            Result result = Memory::instance().free(pointer);
            context.fail(result == Result::illegal_address ? result : Result::success);
            return result;
        });
}

SOFTCUDA_EXPORT int cuMemAllocAsync(DevicePointer* pointer, size_t bytes, void* stream)
{
    return context_call(
        [&](Context& context, Lock&)
        {
            if (find_stream(context, stream) == nullptr)
            {
                return Result::invalid_handle;
            }
            // Allocation nodes of graphs are not played.
            return captures(context, stream) ? Result::capture_unsupported : allocate(context, pointer, bytes);
        });
}

SOFTCUDA_EXPORT int cuMemFreeAsync(DevicePointer pointer, void* stream)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            if (Memory::instance().find_live(pointer, 1) == nullptr)
            {
                return Result::invalid_value;
            }
            if (captures(context, stream))
            {
                return Result::capture_unsupported;
            }
            return submit(context, stream, [pointer] { return Memory::instance().free(pointer); }, lock);
        });
}

SOFTCUDA_EXPORT int cuMemGetAddressRange_v2(DevicePointer* begin, size_t* bytes, DevicePointer pointer)
{
    return context_call(
        [&](Context&, Lock&)
        {
            Allocation* allocation = Memory::instance().find_live(pointer, 1);
            if (allocation == nullptr)
            {
                return Result::not_found;
            }
            if (begin != nullptr)
            {
                *begin = allocation->begin;
            }
            if (bytes != nullptr)
            {
                *bytes = allocation->size;
            }
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuMemAllocHost_v2(void** pointer, size_t bytes)
{
    return allocate_host(pointer, bytes, 0);
}

SOFTCUDA_EXPORT int cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags)
{
    return allocate_host(pointer, bytes, flags);
}

SOFTCUDA_EXPORT int cuMemFreeHost(void* pointer)
{
    return release_call(
        [&](Context& context, Lock& lock)
        {
            if (Result result = allow_unsafe_call(); result != Result::success)
            {
                return result;
            }
            drain(context, lock);
            return Memory::instance().free_pinned(pointer);
        });
}

SOFTCUDA_EXPORT int cuMemHostGetDevicePointer_v2(DevicePointer* device, void* host, unsigned flags)
{
    return context_call(
        [&](Context&, Lock&)
        {
            if (device == nullptr || flags != 0 || !is_pinned(host, 1))
            {
                return Result::invalid_value;
            }
            *device = reinterpret_cast<uintptr_t>(host);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuMemcpyHtoD_v2(DevicePointer destination, const void* source, size_t bytes)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            DeviceRange range;
            if ((source == nullptr && bytes != 0) || !find_range(destination, bytes, range))
            {
                return Result::invalid_value;
            }
            return run_and_wait(context, copy_to_device(range, nullptr, source), lock);
        });
}

SOFTCUDA_EXPORT int cuMemcpyDtoH_v2(void* destination, DevicePointer source, size_t bytes)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            DeviceRange range;
            if ((destination == nullptr && bytes != 0) || !find_range(source, bytes, range))
            {
                return Result::invalid_value;
            }
            return run_and_wait(context, copy_to_host(destination, range), lock);
        });
}

SOFTCUDA_EXPORT int cuMemcpyDtoD_v2(DevicePointer destination, DevicePointer source, size_t bytes)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            DeviceRange to;
            DeviceRange from;
            if (!find_range(destination, bytes, to) || !find_range(source, bytes, from))
            {
                return Result::invalid_value;
            }
            return submit(context, nullptr, copy_on_device(to, from), lock);
        });
}

SOFTCUDA_EXPORT int cuMemcpyHtoDAsync_v2(DevicePointer destination, const void* source, size_t bytes, void* stream)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            DeviceRange range;
            if ((source == nullptr && bytes != 0) || !find_range(destination, bytes, range))
            {
                return Result::invalid_value;
            }
            // Pageable memory is copied before the call returns. Pinned memory is read when the copy runs, and so is
            // what a graph copies, at each replay.
            std::shared_ptr<std::vector<char>> snapshot;
            if (!is_pinned(source, bytes) && !captures(context, stream))
            {
                const char* begin = static_cast<const char*>(source);
                snapshot = std::make_shared<std::vector<char>>(begin, begin + bytes);
            }
            size_t held_bytes = snapshot != nullptr ? bytes : 0;
            return submit(context, stream, copy_to_device(range, std::move(snapshot), source), lock, held_bytes);
        });
}

SOFTCUDA_EXPORT int cuMemcpyDtoHAsync_v2(void* destination, DevicePointer source, size_t bytes, void* stream)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            DeviceRange range;
            if ((destination == nullptr && bytes != 0) || !find_range(source, bytes, range))
            {
                return Result::invalid_value;
            }
            return submit(context, stream, copy_to_host(destination, range), lock);
        });
}

SOFTCUDA_EXPORT int cuMemcpyDtoDAsync_v2(DevicePointer destination, DevicePointer source, size_t bytes, void* stream)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            DeviceRange to;
            DeviceRange from;
            if (!find_range(destination, bytes, to) || !find_range(source, bytes, from))
            {
                return Result::invalid_value;
            }
            return submit(context, stream, copy_on_device(to, from), lock);
        });
}

SOFTCUDA_EXPORT int cuMemsetD8_v2(DevicePointer destination, unsigned char value, size_t count)
{
    return memset_call(destination, value, count, nullptr);
}

SOFTCUDA_EXPORT int cuMemsetD32_v2(DevicePointer destination, unsigned value, size_t count)
{
    return memset_call(destination, value, count, nullptr);
}

SOFTCUDA_EXPORT int cuMemsetD8Async(DevicePointer destination, unsigned char value, size_t count, void* stream)
{
    return memset_call(destination, value, count, stream);
}

SOFTCUDA_EXPORT int cuMemsetD32Async(DevicePointer destination, unsigned value, size_t count, void* stream)
{
    return memset_call(destination, value, count, stream);
}

SOFTCUDA_EXPORT int cuPointerGetAttribute(void* data, int attribute, DevicePointer pointer)
{
    return context_call([&](Context&, Lock&) { return pointer_attribute(data, attribute, pointer); });
}

int softcuda_check_read(unsigned long long address, size_t bytes, const char* what)
{
    Allocation* allocation = Memory::instance().find_live(address, bytes);
    if (bytes == 0)
    {
        return 0;
    }
    if (allocation == nullptr)
    {
        report(format("error 700: %s: read of %zu bytes at 0x%llx, %s", what, bytes, address,
                      Memory::instance().describe(address).c_str()));
        return static_cast<int>(Result::illegal_address);
    }
    size_t offset = address - allocation->begin;
    if (allocation->shadow != nullptr && allocation->shadow->first_unwritten(offset, bytes) != offset + bytes)
    {
        report(format("error 719: %s: read of uninitialised memory, byte %zu of a buffer of %zu bytes", what,
                      allocation->shadow->first_unwritten(offset, bytes), allocation->size));
        return static_cast<int>(Result::launch_failed);
    }
    return 0;
}

int softcuda_check_write(unsigned long long address, size_t bytes, const char* what)
{
    Allocation* allocation = Memory::instance().find_live(address, bytes);
    if (bytes == 0)
    {
        return 0;
    }
    if (allocation == nullptr)
    {
        report(format("error 700: %s: write of %zu bytes at 0x%llx, %s", what, bytes, address,
                      Memory::instance().describe(address).c_str()));
        return static_cast<int>(Result::illegal_address);
    }
    if (allocation->shadow != nullptr)
    {
        allocation->shadow->mark_written(address - allocation->begin, bytes);
    }
    return 0;
}

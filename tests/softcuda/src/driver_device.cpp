// The driver API: start, errors, devices, contexts.
#include <cstdio>
#include <cstring>

#include "abi.h"
#include "counters.h"
#include "driver_call.h"
#include "fault_signals.h"
#include "memory.h"

using namespace softcuda;

namespace softcuda
{
thread_local bool inside_host_function = false;

namespace
{
struct ErrorText
{
    Result result;
    const char* name;
    const char* text;
};

constexpr ErrorText error_texts[] = {
    {Result::success, "CUDA_SUCCESS", "no error"},
    {Result::invalid_value, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {Result::out_of_memory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {Result::not_initialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {Result::no_device, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {Result::invalid_device, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {Result::invalid_image, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {Result::invalid_context, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {Result::no_binary_for_gpu, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for the device"},
    {Result::ecc_uncorrectable, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable memory error"},
    {Result::invalid_ptx, "CUDA_ERROR_INVALID_PTX", "PTX compilation failed"},
    {Result::unsupported_ptx_version, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "PTX of a newer toolchain"},
    {Result::operating_system, "CUDA_ERROR_OPERATING_SYSTEM", "an operating system call failed"},
    {Result::invalid_handle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {Result::illegal_state, "CUDA_ERROR_ILLEGAL_STATE", "the object's state does not permit this operation"},
    {Result::not_found, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {Result::not_ready, "CUDA_ERROR_NOT_READY", "device not ready"},
    {Result::illegal_address, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {Result::launch_out_of_resources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {Result::launch_timeout, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {Result::context_is_destroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {Result::assert_failed, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {Result::illegal_instruction, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"},
    {Result::misaligned_address, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {Result::launch_failed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {Result::not_permitted, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {Result::not_supported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {Result::capture_unsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {Result::capture_invalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {Result::capture_merge, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "operation would merge separate capture sequences"},
    {Result::capture_unmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not initiated in this stream"},
    {Result::capture_unjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
     "capture contains a fork that was not joined to the primary stream"},
    {Result::capture_isolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {Result::capture_implicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {Result::captured_event, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {Result::capture_wrong_thread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "attempt to terminate a thread-local capture sequence from another thread"},
    {Result::unknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const ErrorText* find_error(int error)
{
    for (const ErrorText& entry : error_texts)
    {
        if (static_cast<int>(entry.result) == error)
        {
            return &entry;
        }
    }
    return nullptr;
}

bool is_device(Device device)
{
    return device >= 0 && device < settings().devices;
}

// By the numbers of CUdevice_attribute.
int device_attribute(int attribute, Device device)
{
    switch (attribute)
    {
    case 1:  // MAX_THREADS_PER_BLOCK
        return static_cast<int>(max_threads_per_block);
    case 2:  // MAX_BLOCK_DIM_X, _Y, _Z
        return static_cast<int>(limits::block.x);
    case 3:
        return static_cast<int>(limits::block.y);
    case 4:
        return static_cast<int>(limits::block.z);
    case 5:  // MAX_GRID_DIM_X, _Y, _Z
        return static_cast<int>(limits::grid.x);
    case 6:
        return static_cast<int>(limits::grid.y);
    case 7:
        return static_cast<int>(limits::grid.z);
    case 8:  // MAX_SHARED_MEMORY_PER_BLOCK
        return static_cast<int>(limits::static_shared_bytes);
    case 9:  // TOTAL_CONSTANT_MEMORY
        return 64 * 1024;
    case 10:  // WARP_SIZE
        return static_cast<int>(warp_size);
    case 11:  // MAX_PITCH
        return 0x7fffffff;
    case 12:  // MAX_REGISTERS_PER_BLOCK
    case 82:  // MAX_REGISTERS_PER_MULTIPROCESSOR
        return 65536;
    case 13:  // CLOCK_RATE, kHz
        return 1000000;
    case 14:  // TEXTURE_ALIGNMENT
        return 512;
    case 16:  // MULTIPROCESSOR_COUNT
        return static_cast<int>(limits::multiprocessors);
    case 19:  // CAN_MAP_HOST_MEMORY
    case 31:  // CONCURRENT_KERNELS
    case 41:  // UNIFIED_ADDRESSING
    case 78:  // STREAM_PRIORITIES_SUPPORTED
    case 115:  // MEMORY_POOLS_SUPPORTED
        return 1;
    case 33:  // PCI_BUS_ID
        return device + 1;
    case 36:  // MEMORY_CLOCK_RATE, kHz
        return 1000000;
    case 37:  // GLOBAL_MEMORY_BUS_WIDTH, bits
        return 128;
    case 38:  // L2_CACHE_SIZE
        return 4 << 20;
    case 39:  // MAX_THREADS_PER_MULTIPROCESSOR
        return static_cast<int>(limits::threads_per_multiprocessor);
    case 40:  // ASYNC_ENGINE_COUNT
        return 2;
    case 75:  // COMPUTE_CAPABILITY_MAJOR
        return settings().capability / 10;
    case 76:  // COMPUTE_CAPABILITY_MINOR
        return settings().capability % 10;
    case 81:  // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
        return static_cast<int>(limits::shared_bytes_per_multiprocessor);
    case 97:  // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
        return static_cast<int>(limits::opt_in_shared_bytes);
    case 106:  // MAX_BLOCKS_PER_MULTIPROCESSOR
        return static_cast<int>(limits::blocks_per_multiprocessor);
    case 111:  // RESERVED_SHARED_MEMORY_PER_BLOCK
        return static_cast<int>(limits::reserved_shared_bytes_per_block);
    default:
        return 0;  // a feature that the device does not have
    }
}

Context& primary_context(Device device)
{
    Driver& driver = Driver::instance();
    std::shared_ptr<Context>& context = driver.primary_contexts[device];
    if (context == nullptr)
    {
        context = std::make_shared<Context>(device, true);
        context->alive = false;
        driver.contexts.add(context);
    }
    return *context;
}

void end_context(Context& context, Lock& lock)
{
    release_resources(context, lock);
    context.alive = false;
    context.references = 0;
}

// cuCtxSetCurrent and its kin take null, or any context that exists.
bool may_be_current(const void* handle)
{
    return handle == nullptr || Driver::instance().contexts.find(handle) != nullptr;
}
}
}

SOFTCUDA_EXPORT int cuInit(unsigned flags)
{
    if (flags != 0)
    {
        return static_cast<int>(Result::invalid_value);
    }
    if (settings().devices == 0)
    {
        return static_cast<int>(Result::no_device);
    }
    Lock lock(Driver::instance().mutex);
    install_fault_handlers();
    Driver::instance().initialised = true;
    return 0;
}

SOFTCUDA_EXPORT int cuDriverGetVersion(int* version)
{
    if (version == nullptr)
    {
        return static_cast<int>(Result::invalid_value);
    }
    *version = settings().driver_version;
    return 0;
}

SOFTCUDA_EXPORT int cuGetErrorName(int error, const char** name)
{
    const ErrorText* found = find_error(error);
    if (name == nullptr)
    {
        return static_cast<int>(Result::invalid_value);
    }
    *name = found != nullptr ? found->name : nullptr;
    return static_cast<int>(found != nullptr ? Result::success : Result::invalid_value);
}

SOFTCUDA_EXPORT int cuGetErrorString(int error, const char** text)
{
    const ErrorText* found = find_error(error);
    if (text == nullptr)
    {
        return static_cast<int>(Result::invalid_value);
    }
    *text = found != nullptr ? found->text : nullptr;
    return static_cast<int>(found != nullptr ? Result::success : Result::invalid_value);
}

SOFTCUDA_EXPORT int cuDeviceGetCount(int* count)
{
    return driver_call(
        [&](Lock&)
        {
            if (count == nullptr)
            {
                return Result::invalid_value;
            }
            *count = settings().devices;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuDeviceGet(Device* device, int ordinal)
{
    return driver_call(
        [&](Lock&)
        {
            if (device == nullptr)
            {
                return Result::invalid_value;
            }
            if (!is_device(ordinal))
            {
                return Result::invalid_device;
            }
            *device = ordinal;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuDeviceGetName(char* name, int length, Device device)
{
    return driver_call(
        [&](Lock&)
        {
            if (!is_device(device))
            {
                return Result::invalid_device;
            }
            if (name == nullptr || length <= 0)
            {
                return Result::invalid_value;
            }
            std::snprintf(name, static_cast<size_t>(length), "Software CUDA device %d", device);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuDeviceGetUuid_v2(unsigned char* uuid, Device device)
{
    return driver_call(
        [&](Lock&)
        {
            if (!is_device(device))
            {
                return Result::invalid_device;
            }
            if (uuid == nullptr)
            {
                return Result::invalid_value;
            }
            char bytes[17];
            std::snprintf(bytes, sizeof bytes, "softcuda-dev-%03d", device);
            std::memcpy(uuid, bytes, 16);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuDeviceTotalMem_v2(size_t* bytes, Device device)
{
    return driver_call(
        [&](Lock&)
        {
            if (!is_device(device))
            {
                return Result::invalid_device;
            }
            if (bytes == nullptr)
            {
                return Result::invalid_value;
            }
            *bytes = settings().memory;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuDeviceGetAttribute(int* value, int attribute, Device device)
{
    return driver_call(
        [&](Lock&)
        {
            if (!is_device(device))
            {
                return Result::invalid_device;
            }
            if (value == nullptr || attribute <= 0)
            {
                return Result::invalid_value;
            }
            *value = device_attribute(attribute, device);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuDevicePrimaryCtxRetain(void** context, Device device)
{
    return driver_call(
        [&](Lock&)
        {
            if (!is_device(device))
            {
                return Result::invalid_device;
            }
            if (context == nullptr)
            {
                return Result::invalid_value;
            }
            Context& primary = primary_context(device);
            primary.references++;
            primary.alive = true;
            *context = &primary;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuDevicePrimaryCtxRelease_v2(Device device)
{
    return driver_call(
        [&](Lock& lock)
        {
            if (!is_device(device))
            {
                return Result::invalid_device;
            }
            Context& primary = primary_context(device);
            if (primary.references == 0)
            {
                return Result::invalid_context;
            }
            if (--primary.references == 0)
            {
                end_context(primary, lock);
            }
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuDevicePrimaryCtxReset_v2(Device device)
{
    return driver_call(
        [&](Lock& lock)
        {
            if (!is_device(device))
            {
                return Result::invalid_device;
            }
            // The references stay: whoever retained the context still has to release it.
            Context& primary = primary_context(device);
            release_resources(primary, lock);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuDevicePrimaryCtxGetState(Device device, unsigned* flags, int* active)
{
    return driver_call(
        [&](Lock&)
        {
            if (!is_device(device))
            {
                return Result::invalid_device;
            }
            if (flags == nullptr || active == nullptr)
            {
                return Result::invalid_value;
            }
            *flags = 0;
            *active = primary_context(device).alive ? 1 : 0;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuCtxCreate_v2(void** context, unsigned, Device device)
{
    return driver_call(
        [&](Lock&)
        {
            if (!is_device(device))
            {
                return Result::invalid_device;
            }
            if (context == nullptr)
            {
                return Result::invalid_value;
            }
            Context* fresh = Driver::instance().contexts.add(std::make_shared<Context>(device, false));
            push_context(fresh);
            *context = fresh;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuCtxDestroy_v2(void* handle)
{
    return driver_call(
        [&](Lock& lock)
        {
            std::shared_ptr<Context> context = Driver::instance().contexts.find(handle);
            if (context == nullptr || context->primary || !context->alive)
            {
                return Result::invalid_context;
            }
            end_context(*context, lock);
            if (current_context() == context.get())
            {
                Context* popped;
                pop_context(popped);
            }
            // The object stays in the table, so that threads where it is still current are told that it is gone.
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuCtxSetCurrent(void* context)
{
    return driver_call(
        [&](Lock&)
        {
            if (!may_be_current(context))
            {
                return Result::invalid_context;
            }
            set_current_context(static_cast<Context*>(context));
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuCtxGetCurrent(void** context)
{
    return driver_call(
        [&](Lock&)
        {
            if (context == nullptr)
            {
                return Result::invalid_value;
            }
            *context = current_context();
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuCtxPushCurrent_v2(void* context)
{
    return driver_call(
        [&](Lock&)
        {
            if (!may_be_current(context))
            {
                return Result::invalid_context;
            }
            push_context(static_cast<Context*>(context));
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuCtxPopCurrent_v2(void** context)
{
    return driver_call(
        [&](Lock&)
        {
            Context* popped;
            if (!pop_context(popped))
            {
                return Result::invalid_context;
            }
            if (context != nullptr)
            {
                *context = popped;
            }
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuCtxGetDevice(Device* device)
{
    return driver_call(
        [&](Lock&)
        {
            Context* context;
            Result result = usable_context(context);
            if (result == Result::success && device == nullptr)
            {
                result = Result::invalid_value;
            }
            if (result == Result::success)
            {
                *device = context->device;
            }
            return result;
        });
}

SOFTCUDA_EXPORT int cuCtxSynchronize()
{
    return context_call(
        [](Context& context, Lock& lock)
        {
            auto captures = [&context](const Stream& stream)
            { return stream.context == &context && stream.capture != nullptr; };
            if (std::shared_ptr<Stream> capturing = Driver::instance().streams.find_if(captures))
            {
                capturing->capture->invalidated = true;
                return Result::capture_unsupported;
            }
            counters().synchronizes++;
            drain(context, lock);
            return check_after_wait(context);
        });
}

SOFTCUDA_EXPORT int cuProfilerStart()
{
    return context_call([](Context&, Lock&) { return Result::success; });
}

SOFTCUDA_EXPORT int cuProfilerStop()
{
    return context_call([](Context&, Lock&) { return Result::success; });
}

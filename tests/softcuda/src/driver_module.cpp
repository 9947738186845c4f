// The driver API: modules, functions, launches.
#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "driver_call.h"
#include "image.h"
#include "launch.h"
#include "module.h"
#include "report.h"

using namespace softcuda;

namespace softcuda
{
namespace
{
// By the numbers of CUfunction_attribute.
enum FunctionAttribute
{
    attribute_max_threads = 0,
    attribute_shared_bytes = 1,
    attribute_const_bytes = 2,
    attribute_local_bytes = 3,
    attribute_registers = 4,
    attribute_ptx_version = 5,
    attribute_binary_version = 6,
    attribute_cache_mode = 7,
    attribute_max_dynamic_shared = 8,
    attribute_carveout = 9,
};

constexpr int played_registers = 32;

// Ends of the list that cuLaunchKernel's `extra` is.
void* const launch_param_end = nullptr;
void* const launch_param_buffer = reinterpret_cast<void*>(1);
void* const launch_param_size = reinterpret_cast<void*>(2);

// Whether the device can run what was compiled for this architecture.
Result fits_device(const Image& image)
{
    int device = settings().capability;
    bool fits = image.kind == ImageKind::ptx
                    ? image.architecture <= device
                    : image.architecture / 10 == device / 10 && image.architecture % 10 <= device % 10;
    return fits ? Result::success : Result::no_binary_for_gpu;
}

Result load_module(void** handle, const void* data, Context& context)
{
    if (handle == nullptr || data == nullptr)
    {
        return Result::invalid_value;
    }
    Image image;
    switch (read_image(data, image))
    {
    case ImageStatus::invalid_image:
        return Result::invalid_image;
    case ImageStatus::invalid_ptx:
        return Result::invalid_ptx;
    case ImageStatus::good:
        break;
    }
    if (Result result = fits_device(image); result != Result::success)
    {
        return result;
    }
    if (image.kind == ImageKind::ptx && image.toolkit > settings().driver_version)
    {
        return Result::unsupported_ptx_version;
    }
    if (settings().check && !image.checked)
    {
        // Running it would look like a pass of the checker.
        report("error 200: with CHECK=1 a module was loaded that was compiled without: compile it anew");
        return Result::invalid_image;
    }
    auto loaded = std::make_shared<LoadedModule>();
    loaded->context = &context;
    try
    {
        loaded->module = std::make_shared<Module>(image);
    }
    catch (const std::runtime_error& error)
    {
        report(format("error 200: the module cannot be loaded: %s", error.what()));
        return Result::invalid_image;
    }
    *handle = Driver::instance().modules.add(loaded);
    return Result::success;
}

// A CUfunction is the address of a Function; which module it is of says whether it is one.
struct FoundFunction
{
    std::shared_ptr<LoadedModule> loaded;
    Function* function = nullptr;
};

bool find_function(const void* handle, FoundFunction& found)
{
    const auto& functions = Driver::instance().functions;
    auto entry = functions.find(handle);
    if (entry == functions.end())
    {
        return false;
    }
    found.loaded = Driver::instance().modules.find(entry->second);
    found.function = static_cast<Function*>(const_cast<void*>(handle));
    return found.loaded != nullptr;
}

bool function_attribute(const Function& function, int attribute, int& value)
{
    switch (attribute)
    {
    case attribute_max_threads:
        value = static_cast<int>(function.max_threads());
        return true;
    case attribute_shared_bytes:
        value = static_cast<int>(function.static_shared_bytes);
        return true;
    case attribute_registers:
        value = played_registers;
        return true;
    case attribute_ptx_version:
    case attribute_binary_version:
        value = function.module->architecture();
        return true;
    case attribute_max_dynamic_shared:
        value = static_cast<int>(function.max_dynamic_shared);
        return true;
    case attribute_carveout:
        value = -1;  // the driver's own choice
        return true;
    case attribute_const_bytes:
    case attribute_local_bytes:
    case attribute_cache_mode:
        value = 0;
        return true;
    default:
        return false;
    }
}

// The values of a launch's parameters, from either of the two ways to pass them.
bool collect_arguments(const Function& function, void** parameters, void** extra, std::vector<void*>& values)
{
    unsigned count = function.entry->parameter_count;
    if (parameters != nullptr)
    {
        values.assign(parameters, parameters + count);
        return extra == nullptr && std::find(values.begin(), values.end(), nullptr) == values.end();
    }
    if (extra == nullptr)
    {
        return count == 0;
    }
    char* buffer = nullptr;
    size_t bytes = 0;
    for (; *extra != launch_param_end; extra += 2)
    {
        if (extra[0] == launch_param_buffer)
        {
            buffer = static_cast<char*>(extra[1]);
        }
        else if (extra[0] == launch_param_size)
        {
            bytes = *static_cast<size_t*>(extra[1]);
        }
    }
    for (unsigned i = 0; i < count; i++)
    {
        if (buffer == nullptr || function.parameter_offsets[i] + function.entry->parameter_sizes[i] > bytes)
        {
            return false;
        }
        values.push_back(buffer + function.parameter_offsets[i]);
    }
    return true;
}

bool shape_fits(const Function& function, Extent3 grid, Extent3 block, unsigned dynamic_shared)
{
    auto within = [](Extent3 extent, Extent3 limit)
    { return extent.count() != 0 && extent.x <= limit.x && extent.y <= limit.y && extent.z <= limit.z; };
    return within(grid, limits::grid) && within(block, limits::block) && block.count() <= function.max_threads() &&
           function.static_shared_bytes <= limits::static_shared_bytes &&
           dynamic_shared <= function.max_dynamic_shared &&
           dynamic_shared + function.static_shared_bytes <= limits::opt_in_shared_bytes;
}
}
}

SOFTCUDA_EXPORT int cuModuleLoadData(void** module, const void* image)
{
    return context_call([&](Context& context, Lock&) { return load_module(module, image, context); });
}

SOFTCUDA_EXPORT int cuModuleLoadDataEx(void** module, const void* image, unsigned, int*, void**)
{
    return cuModuleLoadData(module, image);
}

SOFTCUDA_EXPORT int cuModuleUnload(void* handle)
{
    return release_call(
        [&](Context&, Lock&)
        {
            // Launches that wait keep the code.
            std::shared_ptr<LoadedModule> loaded = Driver::instance().modules.remove(handle);
            if (loaded == nullptr)
            {
                return Result::invalid_handle;
            }
            auto& functions = Driver::instance().functions;
            for (auto entry = functions.begin(); entry != functions.end();)
            {
                entry = entry->second == loaded.get() ? functions.erase(entry) : std::next(entry);
            }
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuModuleGetFunction(void** function, void* module, const char* name)
{
    return context_call(
        [&](Context&, Lock&)
        {
            if (function == nullptr || name == nullptr)
            {
                return Result::invalid_value;
            }
            std::shared_ptr<LoadedModule> loaded = Driver::instance().modules.find(module);
            if (loaded == nullptr)
            {
                return Result::invalid_handle;
            }
            Function* found = loaded->module->find_function(name);
            if (found == nullptr)
            {
                return Result::not_found;
            }
            Driver::instance().functions[found] = loaded.get();
            *function = found;
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuModuleGetGlobal_v2(DevicePointer* pointer, size_t* bytes, void* module, const char* name)
{
    return context_call(
        [&](Context&, Lock&)
        {
            if (name == nullptr)
            {
                return Result::invalid_value;
            }
            std::shared_ptr<LoadedModule> loaded = Driver::instance().modules.find(module);
            if (loaded == nullptr)
            {
                return Result::invalid_handle;
            }
            const GlobalVariable* global = loaded->module->find_global(name);
            if (global == nullptr)
            {
                return Result::not_found;
            }
            if (pointer != nullptr)
            {
                *pointer = global->address;
            }
            if (bytes != nullptr)
            {
                *bytes = global->size;
            }
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuFuncGetAttribute(int* value, int attribute, void* handle)
{
    return context_call(
        [&](Context&, Lock&)
        {
            FoundFunction found;
            if (!find_function(handle, found))
            {
                return Result::invalid_handle;
            }
            bool known = value != nullptr && function_attribute(*found.function, attribute, *value);
            return known ? Result::success : Result::invalid_value;
        });
}

SOFTCUDA_EXPORT int cuFuncSetAttribute(void* handle, int attribute, int value)
{
    return context_call(
        [&](Context&, Lock&)
        {
            FoundFunction found;
            if (!find_function(handle, found))
            {
                return Result::invalid_handle;
            }
            switch (attribute)
            {
            case attribute_max_dynamic_shared:
                if (value < 0 ||
                    static_cast<unsigned>(value) + found.function->static_shared_bytes > limits::opt_in_shared_bytes)
                {
                    return Result::invalid_value;
                }
                found.function->max_dynamic_shared = static_cast<unsigned>(value);
                return Result::success;
            case attribute_carveout:
                return value >= -1 && value <= 100 ? Result::success : Result::invalid_value;
            default:
                return Result::invalid_value;
            }
        });
}

SOFTCUDA_EXPORT int cuFuncGetParamInfo(void* handle, size_t index, size_t* offset, size_t* bytes)
{
    return context_call(
        [&](Context&, Lock&)
        {
            if (!driver_knows(12040))
            {
                return Result::not_supported;
            }
            FoundFunction found;
            if (!find_function(handle, found))
            {
                return Result::invalid_handle;
            }
            if (index >= found.function->entry->parameter_count || offset == nullptr)
            {
                return Result::invalid_value;
            }
            *offset = found.function->parameter_offsets[index];
            if (bytes != nullptr)
            {
                *bytes = found.function->entry->parameter_sizes[index];
            }
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* handle, int block_size,
                                                                size_t dynamic_shared)
{
    return context_call(
        [&](Context&, Lock&)
        {
            FoundFunction found;
            if (!find_function(handle, found))
            {
                return Result::invalid_handle;
            }
            if (blocks == nullptr || block_size <= 0)
            {
                return Result::invalid_value;
            }
            unsigned threads = (static_cast<unsigned>(block_size) + warp_size - 1) / warp_size * warp_size;
            size_t shared =
                dynamic_shared + found.function->static_shared_bytes + limits::reserved_shared_bytes_per_block;
            size_t fits = std::min<size_t>({limits::blocks_per_multiprocessor,
                                            limits::threads_per_multiprocessor / threads,
                                            limits::shared_bytes_per_multiprocessor / shared});
            *blocks = threads > found.function->max_threads() ? 0 : static_cast<int>(fits);
            return Result::success;
        });
}

SOFTCUDA_EXPORT int cuLaunchKernel(void* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                                   unsigned block_y, unsigned block_z, unsigned dynamic_shared, void* stream,
                                   void** parameters, void** extra)
{
    return context_call(
        [&](Context& context, Lock& lock)
        {
            FoundFunction found;
            if (!find_function(handle, found) || found.loaded->context != &context)
            {
                return Result::invalid_handle;
            }
            const Function& function = *found.function;
            Extent3 grid{grid_x, grid_y, grid_z};
            Extent3 block{block_x, block_y, block_z};
            std::vector<void*> values;
            if (!shape_fits(function, grid, block, dynamic_shared) ||
                !collect_arguments(function, parameters, extra, values))
            {
                return Result::invalid_value;
            }
            auto launch = std::make_shared<Launch>(found.loaded->module, function, grid, block, dynamic_shared,
                                                   context.device, values.data());
            return submit(context, stream, [launch] { return launch->run(); }, lock);
        });
}

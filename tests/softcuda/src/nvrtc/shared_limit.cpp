#include "shared_limit.h"

#include <cstdint>
#include <cstdio>

#include "../cuda_types.h"
#include "../elf_object.h"
#include "compile_error.h"

namespace softcuda::nvrtc
{
namespace
{

// Of "softcuda::Launch<&scale>::run(void**)", what stands between the brackets: the kernel. "" for other functions.
std::string kernel_of_launch(const std::string& function)
{
    const std::string start = "softcuda::Launch<&";
    const std::string end = ">::run(void**)";
    const bool is_launch = function.compare(0, start.size(), start) == 0 && function.size() > start.size() + end.size()
        && function.compare(function.size() - end.size(), end.size(), end) == 0;
    if (!is_launch)
        return "";
    const std::string kernel = function.substr(start.size(), function.size() - start.size() - end.size());
    return kernel.substr(kernel[0] == '(' ? 1 : 0, kernel.find('(', 1) - (kernel[0] == '(' ? 1 : 0));
}

uint64_t static_shared_bytes(const ElfObject& object, uint64_t function)
{
    uint64_t bytes = 0;
    for (size_t number : object.reachable_from(function))
    {
        const ObjectVariable& variable = object.thread_locals()[number];
        if (variable.name.find(block_state_name) == std::string::npos)
            bytes += variable.size;
    }

    return bytes;
}

}

void check_static_shared_memory(const std::string& object)
{
    const ElfObject elf(object);
    std::string errors;
    for (const auto& [offset, name] : elf.function_names())
    {
        const std::string kernel = kernel_of_launch(demangle(name));
        const uint64_t bytes = kernel.empty() ? 0 : static_shared_bytes(elf, offset);
        if (bytes > limits::static_shared_bytes)
        {
            char numbers[64];
            std::snprintf(numbers, sizeof numbers, "(0x%llx bytes, 0x%x max)", static_cast<unsigned long long>(bytes),
                          limits::static_shared_bytes);
            errors += "ptxas error   : Entry function '" + kernel + "' uses too much shared data " + numbers + "\n";
        }
    }

    if (!errors.empty())
        throw CompileError(errors);
}

}

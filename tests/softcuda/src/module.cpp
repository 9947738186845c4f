#include "module.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "checker.h"
#include "elf_object.h"
#include "report.h"
#include "scheduler.h"

namespace softcuda
{
namespace
{
constexpr char own_prefix[] = "softcuda";  // of what the shim and the table of kernels define
constexpr char table_name[] = "softcuda_module";

int write_to_memory_file(const std::string& object)
{
    int file = memfd_create("softcuda-module", MFD_CLOEXEC);
    for (size_t done = 0; file >= 0 && done < object.size();)
    {
        ssize_t written = write(file, object.data() + done, object.size() - done);
        if (written <= 0)
        {
            close(file);
            return -1;
        }
        done += static_cast<size_t>(written);
    }
    return file;
}

std::string file_path(int file)
{
    return "/proc/self/fd/" + std::to_string(file);
}
}

Module::Module(const Image& image) : architecture_(image.architecture)
{
    file_ = write_to_memory_file(image.object);
    if (file_ < 0)
    {
        throw std::runtime_error("no memory for the module");
    }
    library_ = dlopen(file_path(file_).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr)
    {
        std::string message = dlerror();
        close(file_);
        throw std::runtime_error(message);
    }
    table_ = static_cast<ModuleTable*>(dlsym(library_, table_name));
    if (table_ == nullptr || table_->abi_version != abi_version)
    {
        dlclose(library_);
        close(file_);
        throw std::runtime_error("the module was made for another version of the software device");
    }
    *table_->runtime = &runtime_table;
    for (unsigned i = 0; i < table_->kernel_count; i++)
    {
        auto function = std::make_unique<Function>();
        function->module = this;
        function->entry = &table_->kernels[i];
        function->name = function->entry->name;
        unsigned offset = 0;
        for (unsigned p = 0; p < function->entry->parameter_count; p++)
        {
            unsigned alignment = function->entry->parameter_alignments[p];
            offset = (offset + alignment - 1) / alignment * alignment;
            function->parameter_offsets.push_back(offset);
            offset += function->entry->parameter_sizes[p];
        }
        functions_[function->name] = std::move(function);
    }
    read_segments();
    read_symbols(image.object);
    if (table_->checked != 0)
    {
        shadow_ = std::make_unique<Shadow>(data_end_ - data_begin_);
        shadow_->mark_written(0, data_end_ - data_begin_);  // a module's variables start as zero
    }
}

Module::~Module()
{
    dlclose(library_);
    close(file_);
}

Function* Module::find_function(const std::string& name)
{
    auto found = functions_.find(name);
    return found != functions_.end() ? found->second.get() : nullptr;
}

const GlobalVariable* Module::find_global(const std::string& name) const
{
    auto found = globals_.find(name);
    return found != globals_.end() ? &found->second : nullptr;
}

void Module::read_segments()
{
    link_map* map = nullptr;
    dlinfo(library_, RTLD_DI_LINKMAP, &map);
    load_begin_ = map->l_addr;
    auto visit = [](dl_phdr_info* info, size_t, void* data)
    {
        Module& module = *static_cast<Module*>(data);
        if (info->dlpi_addr != module.load_begin_)
        {
            return 0;
        }
        for (int i = 0; i < info->dlpi_phnum; i++)
        {
            const ElfW(Phdr)& segment = info->dlpi_phdr[i];
            uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
            uintptr_t end = begin + segment.p_memsz;
            if (segment.p_type == PT_LOAD)
            {
                module.load_end_ = std::max(module.load_end_, end);
            }
            if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) == 0)
            {
                module.data_begin_ = module.data_begin_ == 0 ? begin : std::min(module.data_begin_, begin);
                module.data_end_ = std::max(module.data_end_, end);
            }
        }
        return 1;
    };
    dl_iterate_phdr(visit, this);
}

void Module::read_symbols(const std::string& bytes)
{
    ElfObject object(bytes);
    for (const ObjectVariable& variable : object.variables())
    {
        if (variable.name.compare(0, sizeof own_prefix - 1, own_prefix) != 0)
        {
            globals_[variable.name] = {load_begin_ + variable.offset, variable.size};
        }
    }
    bool found_state = false;
    for (const ObjectVariable& variable : object.thread_locals())
    {
        if (variable.name.find(block_state_name) != std::string::npos)
        {
            block_state_offset_ = variable.offset;
            found_state = true;
        }
    }
    if (!found_state)
    {
        throw std::runtime_error("the module has no block state");
    }
    for (auto& [name, function] : functions_)
    {
        uintptr_t run = reinterpret_cast<uintptr_t>(function->entry->run);
        for (size_t number : object.reachable_from(run - load_begin_))
        {
            const ObjectVariable& variable = object.thread_locals()[number];
            if (variable.name.find(block_state_name) == std::string::npos)
            {
                function->shared.push_back({variable.offset, variable.size, demangle(variable.name)});
                function->static_shared_bytes += static_cast<unsigned>(variable.size);
            }
        }
    }
}

std::string Module::source_line(uintptr_t code) const
{
    if (!contains(code))
    {
        return "";
    }
    std::string command = format("addr2line -e /proc/%d/fd/%d 0x%zx 2>/dev/null", getpid(), file_, code - load_begin_);
    std::string line;
    FILE* pipe = popen(command.c_str(), "re");
    if (pipe != nullptr)
    {
        char text[1024];
        if (std::fgets(text, sizeof text, pipe) != nullptr)
        {
            line = text;
        }
        pclose(pipe);
    }
    line = line.substr(0, line.find_first_of(" \n"));
    size_t folder = line.rfind('/');
    line = folder == std::string::npos ? line : line.substr(folder + 1);
    return line.empty() || line[0] == '?' ? "" : line;
}
}

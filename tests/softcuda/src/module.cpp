#include "module.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "checker.h"
#include "report.h"
#include "scheduler.h"

namespace softcuda
{
namespace
{
constexpr char block_state_name[] = "softcuda_block_state";
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

std::string demangle(const std::string& name)
{
    int status = 0;
    char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
    std::string result = status == 0 ? text : name;
    std::free(text);
    return result;
}

// Of "batch_norm_stats(float const*, int)::tile": "batch_norm_stats"; "" for a variable of no function.
std::string enclosing_function(const std::string& demangled)
{
    size_t variable = demangled.rfind("::");
    if (variable == std::string::npos)
    {
        return "";
    }
    std::string function = demangled.substr(0, variable);
    function = function.substr(0, function.find('('));
    size_t result_type = function.rfind(' ', function.find('<'));
    return result_type == std::string::npos ? function : function.substr(result_type + 1);
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
    assign_shared_variables();
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

void Module::read_symbols(const std::string& object)
{
    const char* bytes = object.data();
    ElfW(Ehdr) header;
    std::memcpy(&header, bytes, sizeof header);
    const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(bytes + header.e_shoff);
    bool found_state = false;
    for (int s = 0; s < header.e_shnum; s++)
    {
        if (sections[s].sh_type != SHT_SYMTAB)
        {
            continue;
        }
        const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(bytes + sections[s].sh_offset);
        const char* names = bytes + sections[sections[s].sh_link].sh_offset;
        for (size_t i = 0; i < sections[s].sh_size / sizeof(ElfW(Sym)); i++)
        {
            const ElfW(Sym)& symbol = symbols[i];
            std::string name = names + symbol.st_name;
            if (symbol.st_shndx == SHN_UNDEF)
            {
                continue;
            }
            if (ELF64_ST_TYPE(symbol.st_info) == STT_TLS)
            {
                if (name.find(block_state_name) != std::string::npos)
                {
                    block_state_offset_ = symbol.st_value;
                    found_state = true;
                }
                else
                {
                    shared_variables_.push_back({symbol.st_value, symbol.st_size, demangle(name)});
                }
            }
            else if (ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT && name.compare(0, 8, "softcuda") != 0)
            {
                globals_[name] = {load_begin_ + symbol.st_value, symbol.st_size};
            }
        }
    }
    if (!found_state)
    {
        throw std::runtime_error("the module has no block state");
    }
}

void Module::assign_shared_variables()
{
    for (const SharedVariable& variable : shared_variables_)
    {
        std::string owner = enclosing_function(variable.name);
        Function* own = find_function(owner);
        for (auto& [name, function] : functions_)
        {
            if (own == nullptr || own == function.get())
            {
                function->shared.push_back(variable);
            }
        }
        if (own != nullptr)
        {
            own->static_shared_bytes += static_cast<unsigned>(variable.size);
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

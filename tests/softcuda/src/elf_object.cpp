#include "elf_object.h"

#include <cxxabi.h>
#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace softcuda
{
namespace
{
constexpr size_t none = ~size_t{0};

const Elf64_Ehdr& header_of(const std::string& bytes)
{
    const auto* header = reinterpret_cast<const Elf64_Ehdr*>(bytes.data());
    if (bytes.size() < sizeof *header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_shoff + header->e_shnum * sizeof(Elf64_Shdr) > bytes.size())
    {
        throw std::runtime_error("not a shared object");
    }
    return *header;
}

// The sections of a type; each lies within the file.
std::vector<const Elf64_Shdr*> sections_of(const std::string& bytes, unsigned type)
{
    const Elf64_Ehdr& header = header_of(bytes);
    const auto* sections = reinterpret_cast<const Elf64_Shdr*>(bytes.data() + header.e_shoff);
    std::vector<const Elf64_Shdr*> found;
    for (unsigned i = 0; i < header.e_shnum; i++)
    {
        bool inside = sections[i].sh_offset <= bytes.size() && sections[i].sh_size <= bytes.size() - sections[i].sh_offset;
        if (sections[i].sh_type == type && inside)
        {
            found.push_back(&sections[i]);
        }
    }
    return found;
}

template <typename T>
struct Entries
{
    const T* first;
    size_t count;

    const T* begin() const { return first; }
    const T* end() const { return first + count; }
};

template <typename T>
Entries<T> entries_of(const std::string& bytes, const Elf64_Shdr& section)
{
    return {reinterpret_cast<const T*>(bytes.data() + section.sh_offset), section.sh_size / sizeof(T)};
}

const Elf64_Shdr& symbol_table(const std::string& bytes)
{
    std::vector<const Elf64_Shdr*> tables = sections_of(bytes, SHT_SYMTAB);
    if (tables.empty())
    {
        throw std::runtime_error("the shared object has no symbol table");
    }
    return *tables[0];
}
}

std::string demangle(const std::string& name)
{
    int status = 0;
    char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
    std::string result = status == 0 ? text : name;
    std::free(text);
    return result;
}

ElfObject::ElfObject(const std::string& bytes)
{
    read_symbols(bytes);
    read_relocations(bytes);
}

void ElfObject::read_symbols(const std::string& bytes)
{
    const Elf64_Shdr& table = symbol_table(bytes);
    const auto* sections = reinterpret_cast<const Elf64_Shdr*>(bytes.data() + header_of(bytes).e_shoff);
    const char* names = bytes.data() + sections[table.sh_link].sh_offset;
    for (const Elf64_Sym& symbol : entries_of<Elf64_Sym>(bytes, table))
    {
        size_t thread_local_number = none;
        std::string name = names + symbol.st_name;
        if (symbol.st_shndx != SHN_UNDEF)
        {
            switch (ELF64_ST_TYPE(symbol.st_info))
            {
            case STT_TLS:
                thread_local_number = thread_locals_.size();
                thread_locals_.push_back({name, symbol.st_value, symbol.st_size});
                break;
            case STT_OBJECT:
                variables_.push_back({name, symbol.st_value, symbol.st_size});
                break;
            case STT_FUNC:
                functions_[symbol.st_value].name = name;
                functions_[symbol.st_value].size = symbol.st_size;
                break;
            default:
                break;
            }
        }
        thread_local_of_symbol_.push_back(thread_local_number);
    }
}

void ElfObject::read_relocations(const std::string& bytes)
{
    const auto symbols = entries_of<Elf64_Sym>(bytes, symbol_table(bytes));
    for (const Elf64_Shdr* section : sections_of(bytes, SHT_RELA))
    {
        // Relocations for the loader are no part of this: they refer to the dynamic symbols.
        if ((section->sh_flags & SHF_ALLOC) != 0)
        {
            continue;
        }
        for (const Elf64_Rela& relocation : entries_of<Elf64_Rela>(bytes, *section))
        {
            CodeRange* user = function_at(relocation.r_offset);
            size_t number = ELF64_R_SYM(relocation.r_info);
            if (user == nullptr || number >= symbols.count)
            {
                continue;
            }
            if (thread_local_of_symbol_[number] != none)
            {
                user->thread_locals.insert(thread_local_of_symbol_[number]);
                continue;
            }
            // A relative reference is counted from the end of its four bytes; the symbol may be the whole section.
            bool relative = ELF64_R_TYPE(relocation.r_info) == R_X86_64_PC32 ||
                            ELF64_R_TYPE(relocation.r_info) == R_X86_64_PLT32;
            uint64_t target = symbols.first[number].st_value;
            target += static_cast<uint64_t>(relocation.r_addend + (relative ? 4 : 0));
            if (function_at(target) != nullptr)
            {
                user->callees.insert(target);
            }
        }
    }
}

const ElfObject::CodeRange* ElfObject::function_at(uint64_t offset) const
{
    auto next = functions_.upper_bound(offset);
    if (next == functions_.begin())
    {
        return nullptr;
    }
    --next;
    return offset - next->first < next->second.size ? &next->second : nullptr;
}

ElfObject::CodeRange* ElfObject::function_at(uint64_t offset)
{
    return const_cast<CodeRange*>(static_cast<const ElfObject*>(this)->function_at(offset));
}

std::set<size_t> ElfObject::reachable_from(uint64_t function) const
{
    std::set<size_t> found;
    std::set<const CodeRange*> visited;
    std::vector<const CodeRange*> open = {function_at(function)};
    while (!open.empty())
    {
        const CodeRange* range = open.back();
        open.pop_back();
        if (range == nullptr || !visited.insert(range).second)
        {
            continue;
        }
        found.insert(range->thread_locals.begin(), range->thread_locals.end());
        for (uint64_t callee : range->callees)
        {
            open.push_back(function_at(callee));
        }
    }
    return found;
}

std::map<uint64_t, std::string> ElfObject::function_names() const
{
    std::map<uint64_t, std::string> names;
    for (const auto& [offset, function] : functions_)
    {
        names[offset] = function.name;
    }
    return names;
}
}

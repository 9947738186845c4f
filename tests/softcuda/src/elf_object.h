// Reads what the loader does not tell about a module's shared object: which __shared__ arrays there are, and which of
// them the code of a kernel can reach.
//
// A __shared__ array is a thread_local object, so it is a symbol of type STT_TLS. Who uses it is known from the
// relocations that the linker leaves in (--emit-relocs): each names the place in the code and the symbol.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace softcuda
{
// A variable of the module: in its memory, or in its TLS segment.
struct ObjectVariable
{
    std::string name;  // as the compiler mangles it
    uint64_t offset;   // in the module's memory, or in the TLS segment
    uint64_t size;
};

class ElfObject
{
public:
    // Throws std::runtime_error for bytes that are no 64-bit ELF file with a symbol table.
    explicit ElfObject(const std::string& bytes);

    const std::vector<ObjectVariable>& variables() const { return variables_; }
    const std::vector<ObjectVariable>& thread_locals() const { return thread_locals_; }

    // Numbers, in thread_locals(), of what the function at this offset uses, itself or through those that it calls.
    std::set<size_t> reachable_from(uint64_t function) const;

    // Offsets and names of all functions.
    std::map<uint64_t, std::string> function_names() const;

private:
    struct CodeRange
    {
        std::string name;
        uint64_t size = 0;
        std::set<uint64_t> callees;
        std::set<size_t> thread_locals;
    };

    void read_symbols(const std::string& bytes);
    void read_relocations(const std::string& bytes);
    CodeRange* function_at(uint64_t offset);
    const CodeRange* function_at(uint64_t offset) const;

    std::vector<ObjectVariable> variables_;
    std::vector<ObjectVariable> thread_locals_;
    std::map<uint64_t, CodeRange> functions_;  // by offset
    std::vector<size_t> thread_local_of_symbol_;
};

std::string demangle(const std::string& name);

// Of the thread-local objects of a module, the one that is no shared memory.
constexpr char block_state_name[] = "softcuda_block_state";
}

// A loaded kernel module: the shared object, its kernels, their shared memory, its global variables.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "abi.h"
#include "cuda_types.h"
#include "image.h"

namespace softcuda
{
class Module;
class Shadow;

// A piece of the module's TLS segment: a __shared__ array, as every OS thread has one.
struct SharedVariable
{
    size_t offset;
    size_t size;
    std::string name;
};

struct Function
{
    Module* module = nullptr;
    const KernelEntry* entry = nullptr;
    std::string name;
    std::vector<SharedVariable> shared;  // what it and the functions that it calls use
    unsigned static_shared_bytes = 0;
    unsigned max_dynamic_shared = limits::static_shared_bytes;
    std::vector<unsigned> parameter_offsets;

    unsigned max_threads() const
    {
        return entry->max_threads_per_block != 0 ? entry->max_threads_per_block : max_threads_per_block;
    }
};

// A __device__ or __constant__ variable.
struct GlobalVariable
{
    uintptr_t address;
    size_t size;
};

class Module
{
public:
    // Loads the shared object of an image. Throws std::runtime_error with the loader's words.
    explicit Module(const Image& image);
    ~Module();
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    Function* find_function(const std::string& name);
    const GlobalVariable* find_global(const std::string& name) const;

    // Whether [address, address + bytes) lies in the module's own data.
    bool owns(uintptr_t address, size_t bytes) const
    {
        return address >= data_begin_ && address < data_end_ && bytes <= data_end_ - address;
    }

    uintptr_t load_begin() const { return load_begin_; }
    uintptr_t data_begin() const { return data_begin_; }

    // Of the module's own data; null for a module that was not compiled for the checker.
    Shadow* shadow() const { return shadow_.get(); }

    bool contains(uintptr_t address) const { return address >= load_begin_ && address < load_end_; }

    const ModuleTable& table() const { return *table_; }
    int architecture() const { return architecture_; }

    // Where the module's BlockState lies in its TLS segment.
    size_t block_state_offset() const { return block_state_offset_; }

    // "relu.cu:12" for a code address of the module, or "" where nothing is known.
    std::string source_line(uintptr_t code) const;

private:
    void read_symbols(const std::string& bytes);
    void read_segments();

    int file_ = -1;  // the shared object lives in memory; the descriptor stays open for addr2line
    void* library_ = nullptr;
    ModuleTable* table_ = nullptr;
    int architecture_ = 0;
    uintptr_t load_begin_ = 0;
    uintptr_t load_end_ = 0;
    uintptr_t data_begin_ = 0;
    uintptr_t data_end_ = 0;
    size_t block_state_offset_ = 0;
    std::unique_ptr<Shadow> shadow_;
    std::map<std::string, GlobalVariable> globals_;
    std::map<std::string, std::unique_ptr<Function>> functions_;
};
}

// A kernel launch as a unit of work: its shape, its copied arguments, and how its blocks are shared among OS threads.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cuda_types.h"
#include "module.h"

namespace softcuda
{
// The values of a launch's parameters, copied at the call as the driver does.
class Arguments
{
public:
    Arguments(const KernelEntry& entry, void* const* values);

    // What KernelEntry::run takes: it begins the block of memory that holds the values too.
    void** pointers() { return reinterpret_cast<void**>(memory_.data()); }
    size_t bytes() const { return memory_.size() * sizeof(void*); }

private:
    std::vector<void*> memory_;  // a pointer to each value, then the values
};

class Launch
{
public:
    Launch(std::shared_ptr<Module> module, const Function& function, Extent3 grid, Extent3 block,
           unsigned dynamic_shared, Device device, void* const* arguments);

    // Runs the kernel. The same launch may run many times, as a node of a graph does.
    Result run();

private:
    std::shared_ptr<Module> module_;  // keeps the code while a launch of it waits
    const Function& function_;
    Extent3 grid_;
    Extent3 block_;
    unsigned dynamic_shared_;
    Device device_;
    Arguments arguments_;
};
}

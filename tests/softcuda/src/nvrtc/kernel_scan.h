// One pass over preprocessed CUDA C, which finds its kernels and turns the few constructs that no macro can turn into C++.
#pragma once

#include <string>
#include <vector>

namespace softcuda::nvrtc
{

struct KernelDeclaration
{
    // The name with its namespaces, as it can be written at the end of the source.
    std::string name;
    bool has_c_linkage = false;
    bool is_template = false;
    // The arguments of __launch_bounds__ as they were written, or empty.
    std::string max_threads;
    std::string min_blocks;
    int line = 0;
    std::string file;
};

struct ScannedSource
{
    std::string text;
    std::vector<KernelDeclaration> kernels;
};

// What is left for this pass by the preprocessor, since the shim does not define these words:
//   __global__          goes, and a function definition that follows it is a kernel;
//   __launch_bounds__   goes, and its arguments are kept;
//   __shared__          becomes storage per OS thread, on which one block runs at a time;
//   extern __shared__   becomes a pointer to the block's dynamic shared memory.
// Throws CompileError where one of them stands where CUDA C does not allow it.
ScannedSource scan_kernels(const std::string& preprocessed);

}

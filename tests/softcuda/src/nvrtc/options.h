// The options of nvrtcCompileProgram.
#pragma once

#include <string>
#include <vector>

namespace softcuda::nvrtc
{

struct Options
{
    // 90 for sm_90 or compute_90.
    int architecture = 0;
    // sm_90 asks for a cubin, compute_90 for PTX.
    bool is_real_architecture = false;
    int language_standard = 17;
    bool contract_multiply_add = true;
    bool fast_math = false;
    // -D, -U and -I options as the host compiler takes them.
    std::vector<std::string> preprocessor;
};

// Throws InvalidOption for an option that NVRTC does not have, or a value that it would refuse.
Options parse_options(const std::vector<std::string>& options, const std::vector<int>& architectures);

// The architectures that CUDA 13 compiles for, up to this one, oldest first.
std::vector<int> supported_architectures(int newest_architecture);

}

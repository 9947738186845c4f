// From CUDA C to a shared object that libcuda can load.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "options.h"

namespace softcuda::nvrtc
{

struct Source
{
    std::string name;
    std::string text;
    // Name, as #include gives it, and text.
    std::vector<std::pair<std::string, std::string>> headers;
    // What nvrtcAddNameExpression was given.
    std::vector<std::string> name_expressions;
};

struct CompiledModule
{
    std::string object;
    // Name expressions, and under which name cuModuleGetFunction finds each.
    std::map<std::string, std::string> lowered_names;
    std::string log;
};

// checked: with the call-outs of the checker. Throws CompileError with the log.
CompiledModule compile_module(const Source& source, const Options& options, bool checked);

}

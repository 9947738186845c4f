// What ends a compilation: the text goes to the program's log.
#pragma once

#include <stdexcept>
#include <string>

namespace softcuda::nvrtc
{

class CompileError : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

// An option that NVRTC does not know or a value that it does not take.
class InvalidOption : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

}

// The C++ compiler of this machine, which makes machine code of kernels.
#pragma once

#include <string>
#include <vector>

namespace softcuda::nvrtc
{

class HostCompiler
{
public:
    // The g++ or c++ that PATH finds first. Throws CompileError where there is none.
    static HostCompiler find();

    // Tells this compiler from another, and from itself after an update.
    const std::string& identity() const
    {
        return file_identity;
    }

    // Runs it in a folder. Returns whether it was content; messages takes what it said, in English.
    bool run(const std::string& folder, const std::vector<std::string>& arguments, std::string& messages) const;

private:
    std::string path;
    std::string file_identity;
};

}

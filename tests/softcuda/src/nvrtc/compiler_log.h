// The messages of the host compiler in the form that NVRTC gives its own.
#pragma once

#include <string>

namespace softcuda::nvrtc
{

// relu.cu:12:5: error: ...  becomes  relu.cu(12): error: ...
std::string compiler_log(const std::string& messages, const std::string& source_name);

}

// The switches of the software device, which libcuda keeps and other libraries read.
#pragma once

#include <string>

namespace softcuda::nvrtc
{

// The value of a key of README.md: what softcuda_set has made it where the software device's libcuda is loaded in this
// process, else what the environment says, else the default given.
std::string driver_setting(const char* key, const std::string& default_value);

}

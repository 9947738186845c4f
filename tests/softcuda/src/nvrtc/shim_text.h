// The headers of device/ as one text, which the build embeds.
#pragma once

#include <string>

namespace softcuda::nvrtc
{

const std::string& shim_text();

}

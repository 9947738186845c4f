// The limit of static shared memory, which the real compiler keeps by an error of ptxas.
#pragma once

#include <string>

namespace softcuda::nvrtc
{

// Throws CompileError naming each kernel of the shared object whose __shared__ arrays are too large together.
void check_static_shared_memory(const std::string& object);

}

// What nvrtcGetCUBIN and nvrtcGetPTX hand out and cuModuleLoadData takes: a shared object in a wrapping that can be
// told from damage. A cubin is binary; PTX is text (the shared object in base64), ended by a NUL, as callers expect.
#pragma once
#include <cstdint>
#include <string>

namespace softcuda
{
enum class ImageKind
{
    cubin,
    ptx,
};

struct Image
{
    ImageKind kind = ImageKind::cubin;
    int architecture = 0;  // 90 for sm_90 or compute_90
    int toolkit = 0;       // version of the NVRTC that made it, 13000 for 13.0
    bool checked = false;  // built under CHECK=1
    std::string object;    // the bytes of the shared object
};

enum class ImageStatus
{
    good,
    invalid_image,  // not ours, or damaged
    invalid_ptx,    // text, but not PTX of ours, or damaged
};

// The text of a PTX image ends with its NUL, as nvrtcGetPTXSize counts it.
std::string write_image(const Image& image);

// data is read as far as its own header says, since cuModuleLoadData is told no length.
ImageStatus read_image(const void* data, Image& image);
}

// The few types and numbers of the driver API that the software device knows, declared here so that it builds without
// the CUDA toolkit. Values are those of the real interface.
#pragma once
#include <cstddef>

namespace softcuda
{
enum class Result : int
{
    success = 0,
    invalid_value = 1,
    out_of_memory = 2,
    not_initialized = 3,
    no_device = 100,
    invalid_device = 101,
    invalid_image = 200,
    invalid_context = 201,
    no_binary_for_gpu = 209,
    ecc_uncorrectable = 214,
    invalid_ptx = 218,
    unsupported_ptx_version = 222,
    operating_system = 304,
    invalid_handle = 400,
    illegal_state = 401,
    not_found = 500,
    not_ready = 600,
    illegal_address = 700,
    launch_out_of_resources = 701,
    launch_timeout = 702,
    context_is_destroyed = 709,
    assert_failed = 710,
    illegal_instruction = 715,
    misaligned_address = 716,
    launch_failed = 719,
    not_permitted = 800,
    not_supported = 801,
    capture_unsupported = 900,
    capture_invalidated = 901,
    capture_merge = 902,
    capture_unmatched = 903,
    capture_unjoined = 904,
    capture_isolation = 905,
    capture_implicit = 906,
    captured_event = 907,
    capture_wrong_thread = 908,
    unknown = 999,
};

using DevicePointer = unsigned long long;
using Device = int;

struct Extent3
{
    unsigned x, y, z;

    unsigned long long count() const { return 1ull * x * y * z; }
};

namespace limits
{
constexpr unsigned multiprocessors = 16;  // few, so that grids sized by it stay small
constexpr unsigned static_shared_bytes = 48 * 1024;
constexpr unsigned opt_in_shared_bytes = 227 * 1024;
constexpr unsigned shared_bytes_per_multiprocessor = 228 * 1024;
constexpr unsigned reserved_shared_bytes_per_block = 1024;
constexpr unsigned threads_per_multiprocessor = 2048;
constexpr unsigned blocks_per_multiprocessor = 32;
constexpr unsigned parameter_bytes = 4096;
constexpr Extent3 block = {1024, 1024, 64};
constexpr Extent3 grid = {0x7fffffff, 65535, 65535};
}

namespace stream_flags
{
constexpr unsigned non_blocking = 1;
}

namespace event_flags
{
constexpr unsigned blocking_sync = 1;
constexpr unsigned disable_timing = 2;
constexpr unsigned interprocess = 4;
}

enum class CaptureMode : int
{
    global = 0,
    thread_local_ = 1,
    relaxed = 2,
};

enum class CaptureStatus : int
{
    none = 0,
    active = 1,
    invalidated = 2,
};
}

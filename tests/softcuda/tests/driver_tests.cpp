// The driver API apart from streams: devices, contexts, memory, modules, launches, and the switches of the software
// device.
#include <cstdint>
#include <cstring>
#include <thread>

#include "support.h"

namespace
{
using namespace softcuda::tests;

constexpr char kernels_source[] = R"(
extern "C" {
__constant__ float factors[4];
__device__ int calls;

__global__ void scale(float* x, double factor, char flag, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n && flag)
        x[i] = (float)(x[i] * factor);
    if (i == 0)
        atomicAdd(&calls, 1);
}

__global__ void __launch_bounds__(64) bounded(float* x)
{
    x[threadIdx.x] = factors[threadIdx.x % 4];
}

__global__ void with_dynamic_shared(float* x, int n)
{
    extern __shared__ float shared[];
    shared[threadIdx.x] = (float)threadIdx.x;
    __syncthreads();
    x[threadIdx.x] = shared[n - 1 - threadIdx.x];
}

__global__ void with_static_shared(float* x)
{
    __shared__ float tile[3000];
    tile[threadIdx.x] = 1;
    __syncthreads();
    x[threadIdx.x] = tile[threadIdx.x];
}

static __device__ __noinline__ float turned(float value)
{
    __shared__ float tile[32];
    tile[threadIdx.x] = value;
    __syncthreads();
    return tile[31 - threadIdx.x];
}

static __device__ __noinline__ float turned_at(int i)
{
    return turned((float)i);
}

__global__ void with_shared_in_function(float* x)
{
    x[threadIdx.x] = turned_at(threadIdx.x);
}

__global__ void fault(int* address)
{
    *address = 1;
}

__global__ void block_sums(const int* x, unsigned long long* total, int repeats)
{
    unsigned long long sum = 0;
    for (int k = 0; k < repeats; k++)
        sum += x[(blockIdx.x * blockDim.x + threadIdx.x + k) % 1024];
    atomicAdd(total, sum);
}
}
)";


void devices_are_described()
{
    const DeviceSession session;
    int count = 0;
    REQUIRE(cuDeviceGetCount(&count));
    CHECK_EQUAL(count, 2);
    CUdevice device = -1;
    CHECK_EQUAL(cuDeviceGet(&device, 1), CUDA_SUCCESS);
    CHECK_EQUAL(device, 1);
    CHECK_EQUAL(cuDeviceGet(&device, 2), CUDA_ERROR_INVALID_DEVICE);
    CHECK_EQUAL(cuDeviceGet(&device, -1), CUDA_ERROR_INVALID_DEVICE);

    int major = 0;
    int minor = -1;
    REQUIRE(cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0));
    REQUIRE(cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0));
    CHECK_EQUAL(major * 10 + minor, 90);
    CHECK_EQUAL(cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 7), CUDA_ERROR_INVALID_DEVICE);

    CUuuid first;
    CUuuid second;
    REQUIRE(cuDeviceGetUuid(&first, 0));
    REQUIRE(cuDeviceGetUuid(&second, 1));
    CHECK(std::memcmp(&first, &second, sizeof first) != 0);
    char name[8];
    REQUIRE(cuDeviceGetName(name, sizeof name, 0));
    CHECK_EQUAL(std::strlen(name), sizeof name - 1);
}

void errors_have_names()
{
    const char* text = nullptr;
    CHECK_EQUAL(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text), CUDA_SUCCESS);
    CHECK_EQUAL(std::string(text), std::string("CUDA_ERROR_ILLEGAL_ADDRESS"));
    CHECK_EQUAL(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text), CUDA_SUCCESS);
    CHECK_EQUAL(std::string(text), std::string("out of memory"));
    CHECK_EQUAL(cuGetErrorName(static_cast<CUresult>(12345), &text), CUDA_ERROR_INVALID_VALUE);
    CHECK(text == nullptr);
}

void no_device_is_said_at_the_start()
{
    set("DEVICES", "0");
    CHECK_EQUAL(cuInit(0), CUDA_ERROR_NO_DEVICE);
    set("DEVICES", "2");
    CHECK_EQUAL(cuInit(1), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(cuInit(0), CUDA_SUCCESS);
}

void old_driver_lacks_new_functions()
{
    const DeviceSession session;
    const LoadedModule module(kernels_source, "kernels.cu");
    const CUfunction function = module.function("scale");
    set("DRIVER_VERSION", "11080");
    int version = 0;
    size_t offset = 0;
    REQUIRE(cuDriverGetVersion(&version));
    CHECK_EQUAL(version, 11080);
    CHECK_EQUAL(cuFuncGetParamInfo(function, 0, &offset, nullptr), CUDA_ERROR_NOT_SUPPORTED);
    CHECK_EQUAL(cuEventElapsedTime_v2(nullptr, nullptr, nullptr), CUDA_ERROR_NOT_SUPPORTED);
    set("DRIVER_VERSION", "13000");
}

void primary_context_lives_while_it_is_retained()
{
    REQUIRE(cuInit(0));
    const long before = softcuda_count("contexts");
    CUcontext first = nullptr;
    CUcontext second = nullptr;
    unsigned flags = 1;
    int active = 1;
    REQUIRE(cuDevicePrimaryCtxGetState(1, &flags, &active));
    CHECK_EQUAL(active, 0);
    REQUIRE(cuDevicePrimaryCtxRetain(&first, 1));
    REQUIRE(cuDevicePrimaryCtxRetain(&second, 1));
    CHECK(first == second);
    CHECK_EQUAL(softcuda_count("contexts"), before + 1);
    REQUIRE(cuCtxSetCurrent(first));
    CUdeviceptr pointer = 0;
    REQUIRE(cuMemAlloc(&pointer, 100));
    REQUIRE(cuDevicePrimaryCtxRelease(1));
    CHECK_EQUAL(softcuda_count("bytes"), 100L);
    REQUIRE(cuDevicePrimaryCtxRelease(1));
    CHECK_EQUAL(softcuda_count("contexts"), before);
    CHECK_EQUAL(softcuda_count("bytes"), 0L);
    CHECK_EQUAL(cuMemAlloc(&pointer, 100), CUDA_ERROR_CONTEXT_IS_DESTROYED);
    CHECK_EQUAL(cuDevicePrimaryCtxRelease(1), CUDA_ERROR_INVALID_CONTEXT);
    REQUIRE(cuCtxSetCurrent(nullptr));
}

void each_thread_has_its_current_context()
{
    const DeviceSession session;
    CUcontext mine = nullptr;
    REQUIRE(cuCtxGetCurrent(&mine));
    std::thread([] {
        CUcontext other = reinterpret_cast<CUcontext>(1);
        CUdeviceptr pointer = 0;
        CHECK_EQUAL(cuCtxGetCurrent(&other), CUDA_SUCCESS);
        CHECK(other == nullptr);
        CHECK_EQUAL(cuMemAlloc(&pointer, 4), CUDA_ERROR_INVALID_CONTEXT);
    }).join();

    CUcontext own = nullptr;
    REQUIRE(cuCtxCreate(&own, 0, 1));
    CUdevice device = -1;
    REQUIRE(cuCtxGetDevice(&device));
    CHECK_EQUAL(device, 1);
    CUcontext popped = nullptr;
    REQUIRE(cuCtxPopCurrent(&popped));
    CHECK(popped == own);
    REQUIRE(cuCtxGetDevice(&device));
    CHECK_EQUAL(device, 0);
    REQUIRE(cuCtxPushCurrent(own));
    REQUIRE(cuCtxDestroy(own));
    REQUIRE(cuCtxGetCurrent(&popped));
    CHECK(popped == mine);
    CHECK_EQUAL(cuCtxDestroy(own), CUDA_ERROR_INVALID_CONTEXT);
    CHECK_EQUAL(cuCtxPushCurrent(reinterpret_cast<CUcontext>(&device)), CUDA_ERROR_INVALID_CONTEXT);
}

void memory_is_counted_and_limited()
{
    const DeviceSession session;
    size_t free = 0;
    size_t total = 0;
    REQUIRE(cuMemGetInfo(&free, &total));
    CHECK_EQUAL(total, size_t{8} << 30);
    CHECK_EQUAL(free, total);
    CUdeviceptr pointer = 0;
    CHECK_EQUAL(cuMemAlloc(&pointer, total + 1), CUDA_ERROR_OUT_OF_MEMORY);
    CHECK_EQUAL(cuMemAlloc(&pointer, 0), CUDA_ERROR_INVALID_VALUE);

    // So large that it must not cost memory before it is written.
    const size_t large = size_t{6} << 30;
    REQUIRE(cuMemAlloc(&pointer, large));
    CHECK_EQUAL(pointer % 256, 0ull);
    REQUIRE(cuMemGetInfo(&free, &total));
    CHECK_EQUAL(free, total - large);
    float last = 0;
    REQUIRE(cuMemcpyDtoH(&last, pointer + large - 4, 4));
    CHECK(last != last);
    CUdeviceptr second = 0;
    CHECK_EQUAL(cuMemAlloc(&second, large), CUDA_ERROR_OUT_OF_MEMORY);
    REQUIRE(cuMemFree(pointer));
    CHECK_EQUAL(cuMemFree(pointer), CUDA_ERROR_INVALID_VALUE);
    REQUIRE(cuMemAlloc(&second, large));
    REQUIRE(cuMemFree(second));
    CHECK_EQUAL(cuMemFree(0), CUDA_SUCCESS);
    CHECK_EQUAL(softcuda_count("allocations"), 0L);
}

void freed_addresses_come_back_only_later()
{
    const DeviceSession session;
    CUdeviceptr first = 0;
    REQUIRE(cuMemAlloc(&first, 1000));
    REQUIRE(cuMemFree(first));
    bool came_back = false;
    for (int i = 0; i < 100; i++)
    {
        CUdeviceptr next = 0;
        REQUIRE(cuMemAlloc(&next, 1000));
        came_back |= next == first;
        REQUIRE(cuMemFree(next));
    }
    CHECK(!came_back);
}

void allocations_can_be_made_to_fail()
{
    const DeviceSession session;
    set("FAIL_ALLOC", "2");
    CUdeviceptr first = 0;
    CUdeviceptr second = 0;
    CHECK_EQUAL(cuMemAlloc(&first, 4), CUDA_SUCCESS);
    CHECK_EQUAL(cuMemAlloc(&second, 4), CUDA_ERROR_OUT_OF_MEMORY);
    CHECK_EQUAL(cuMemAlloc(&second, 4), CUDA_SUCCESS);
    REQUIRE(cuMemFree(first));
    REQUIRE(cuMemFree(second));
}

void copies_stay_inside_buffers()
{
    const DeviceSession session;
    const Buffer<float> buffer(std::vector<float>{1, 2, 3, 4});
    const Buffer<float> other(4);
    float values[8] = {};
    CHECK_EQUAL(cuMemcpyDtoH(values, buffer.pointer, 17), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(cuMemcpyHtoD(buffer.pointer + 4, values, 16), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(cuMemcpyDtoD(other.pointer, buffer.pointer + 12, 8), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(cuMemcpyDtoH(values, 4096, 4), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(cuMemsetD8(buffer.pointer, 0, 17), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(cuMemsetD32(buffer.pointer + 2, 0, 1), CUDA_ERROR_INVALID_VALUE);
    REQUIRE(cuMemcpyDtoD(other.pointer, buffer.pointer, 16));
    REQUIRE(cuMemsetD32(other.pointer + 4, 0x40e00000u, 2));
    CHECK(other.values() == (std::vector<float>{1, 7, 7, 4}));
}

void pointers_have_attributes()
{
    const DeviceSession session;
    const Buffer<float> buffer(10);
    unsigned type = 0;
    int ordinal = -1;
    size_t bytes = 0;
    CHECK_EQUAL(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, buffer.pointer), CUDA_SUCCESS);
    CHECK_EQUAL(type, static_cast<unsigned>(CU_MEMORYTYPE_DEVICE));
    REQUIRE(cuPointerGetAttribute(&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, buffer.pointer + 39));
    CHECK_EQUAL(ordinal, 0);
    REQUIRE(cuPointerGetAttribute(&bytes, CU_POINTER_ATTRIBUTE_RANGE_SIZE, buffer.pointer + 39));
    CHECK_EQUAL(bytes, size_t{40});
    CHECK_EQUAL(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, buffer.pointer + 40),
                CUDA_ERROR_INVALID_VALUE);
    void* pinned = nullptr;
    REQUIRE(cuMemHostAlloc(&pinned, 64, 0));
    const CUdeviceptr address = reinterpret_cast<CUdeviceptr>(pinned);
    REQUIRE(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address));
    CHECK_EQUAL(type, static_cast<unsigned>(CU_MEMORYTYPE_HOST));
    CHECK_EQUAL(softcuda_count("pinned"), 1L);
    REQUIRE(cuMemFreeHost(pinned));
    CHECK_EQUAL(cuMemFreeHost(pinned), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(softcuda_count("pinned"), 0L);
}

void modules_refuse_what_is_not_theirs()
{
    const DeviceSession session;
    softcuda_clear_report();
    CUmodule module = nullptr;
    CHECK_EQUAL(cuModuleLoadData(&module, "\x7f" "ELF, but not one of ours"), CUDA_ERROR_INVALID_IMAGE);
    CHECK_EQUAL(cuModuleLoadData(&module, ".version 8.5\n.target sm_90\n"), CUDA_ERROR_INVALID_PTX);
    CompiledProgram compiled(kernels_source, "kernels.cu", {"--gpu-architecture=sm_90"});
    std::string damaged = compiled.cubin();
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    CHECK_EQUAL(cuModuleLoadData(&module, damaged.data()), CUDA_ERROR_INVALID_IMAGE);
    REQUIRE(cuModuleLoadData(&module, compiled.cubin().data()));
    CUfunction function = nullptr;
    CHECK_EQUAL(cuModuleGetFunction(&function, module, "absent"), CUDA_ERROR_NOT_FOUND);
    REQUIRE(cuModuleGetFunction(&function, module, "scale"));
    REQUIRE(cuModuleUnload(module));
    CHECK_EQUAL(cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);
    CHECK_EQUAL(launch(function, {1, 1, 0}), CUDA_ERROR_INVALID_HANDLE);
    CHECK_EQUAL(softcuda_count("modules"), 0L);
}

CUresult load_for(const char* option, const char* capability)
{
    const CompiledProgram compiled("extern \"C\" __global__ void nothing() {}", "nothing.cu",
                                   {std::string("--gpu-architecture=") + option});
    set("CAPABILITY", capability);
    CUmodule module = nullptr;
    const std::string image = option[0] == 's' ? compiled.cubin() : compiled.ptx();
    const CUresult result = cuModuleLoadData(&module, image.data());
    if (result == CUDA_SUCCESS)
        cuModuleUnload(module);
    set("CAPABILITY", "90");
    return result;
}

void modules_fit_their_architecture()
{
    const DeviceSession session;
    CHECK_EQUAL(load_for("sm_80", "86"), CUDA_SUCCESS);
    CHECK_EQUAL(load_for("sm_86", "80"), CUDA_ERROR_NO_BINARY_FOR_GPU);
    CHECK_EQUAL(load_for("sm_80", "90"), CUDA_ERROR_NO_BINARY_FOR_GPU);
    CHECK_EQUAL(load_for("compute_80", "90"), CUDA_SUCCESS);
    CHECK_EQUAL(load_for("compute_90", "86"), CUDA_ERROR_NO_BINARY_FOR_GPU);
}

void new_ptx_needs_a_new_driver()
{
    const DeviceSession session;
    set("DRIVER_VERSION", "12000");
    CHECK_EQUAL(load_for("compute_90", "90"), CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
    CHECK_EQUAL(load_for("sm_90", "90"), CUDA_SUCCESS);
    set("DRIVER_VERSION", "13000");
}

void module_variables_are_memory()
{
    const DeviceSession session;
    const LoadedModule module(kernels_source, "kernels.cu");
    CUdeviceptr factors = 0;
    size_t bytes = 0;
    REQUIRE(cuModuleGetGlobal(&factors, &bytes, module.module, "factors"));
    CHECK_EQUAL(bytes, 4 * sizeof(float));
    CHECK_EQUAL(cuModuleGetGlobal(nullptr, nullptr, module.module, "absent"), CUDA_ERROR_NOT_FOUND);
    const std::vector<float> values = {1, 2, 3, 4};
    REQUIRE(cuMemcpyHtoD(factors, values.data(), bytes));
    const Buffer<float> x(4);
    REQUIRE(launch(module.function("bounded"), {1, 4, 0}, x.pointer));
    CHECK(x.values() == values);
}

void parameters_are_described()
{
    const DeviceSession session;
    const LoadedModule module(kernels_source, "kernels.cu");
    const CUfunction function = module.function("scale");
    const size_t expected[][2] = {{0, 8}, {8, 8}, {16, 1}, {20, 4}};
    for (size_t i = 0; i < 4; i++)
    {
        size_t offset = 99;
        size_t size = 99;
        CHECK_EQUAL(cuFuncGetParamInfo(function, i, &offset, &size), CUDA_SUCCESS);
        CHECK_EQUAL(offset, expected[i][0]);
        CHECK_EQUAL(size, expected[i][1]);
    }
    size_t offset = 0;
    CHECK_EQUAL(cuFuncGetParamInfo(function, 4, &offset, nullptr), CUDA_ERROR_INVALID_VALUE);
}

void parameters_can_come_in_one_buffer()
{
    const DeviceSession session;
    const LoadedModule module(kernels_source, "kernels.cu");
    const Buffer<float> x(std::vector<float>{1, 2, 3});
    struct
    {
        CUdeviceptr x;
        double factor;
        char flag;
        int n;
    } parameters = {x.pointer, 3, 1, 2};
    size_t bytes = sizeof parameters;
    void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &parameters, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                     CU_LAUNCH_PARAM_END};
    REQUIRE(cuLaunchKernel(module.function("scale"), 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra));
    CHECK(x.values() == (std::vector<float>{3, 6, 3}));
    bytes = 20;
    CHECK_EQUAL(cuLaunchKernel(module.function("scale"), 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra),
                CUDA_ERROR_INVALID_VALUE);
}

void launches_have_limits()
{
    const DeviceSession session;
    const LoadedModule module(kernels_source, "kernels.cu");
    const CUfunction scale = module.function("scale");
    const Buffer<float> x(std::vector<float>(64, 1.0f));
    const auto shaped = [&](unsigned gx, unsigned gy, unsigned bx, unsigned by, unsigned bz) {
        CUdeviceptr pointer = x.pointer;
        double factor = 1;
        char flag = 0;
        int n = 0;
        void* parameters[] = {&pointer, &factor, &flag, &n};
        return cuLaunchKernel(scale, gx, gy, 1, bx, by, bz, 0, nullptr, parameters, nullptr);
    };
    CHECK_EQUAL(shaped(1, 65535, 1, 1, 1), CUDA_SUCCESS);
    CHECK_EQUAL(shaped(1, 65536, 1, 1, 1), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(shaped(70000, 1, 1, 1, 1), CUDA_SUCCESS);
    CHECK_EQUAL(shaped(0, 1, 1, 1, 1), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(shaped(1, 1, 1024, 1, 1), CUDA_SUCCESS);
    CHECK_EQUAL(shaped(1, 1, 1024, 2, 1), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(shaped(1, 1, 1, 1, 65), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(launch(module.function("bounded"), {1, 65, 0}, x.pointer), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(cuLaunchKernel(scale, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(launch(reinterpret_cast<CUfunction>(static_cast<uintptr_t>(64)), {1, 1, 0}), CUDA_ERROR_INVALID_HANDLE);
    REQUIRE(cuCtxSynchronize());
}

void shared_memory_has_limits()
{
    const DeviceSession session;
    const LoadedModule module(kernels_source, "kernels.cu");
    const CUfunction dynamic = module.function("with_dynamic_shared");
    const Buffer<float> x(32);
    CHECK_EQUAL(launch(dynamic, {1, 32, 48 * 1024 + 1}, x.pointer, 32), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQUAL(cuFuncSetAttribute(dynamic, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 227 * 1024 + 1),
                CUDA_ERROR_INVALID_VALUE);
    REQUIRE(cuFuncSetAttribute(dynamic, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 227 * 1024));
    REQUIRE(launch(dynamic, {1, 32, 227 * 1024}, x.pointer, 32));
    CHECK_EQUAL(x.values()[0], 31.0f);

    const CUfunction fixed = module.function("with_static_shared");
    int bytes = 0;
    REQUIRE(cuFuncGetAttribute(&bytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, fixed));
    CHECK_EQUAL(bytes, 12000);
    REQUIRE(cuFuncGetAttribute(&bytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, module.function("with_shared_in_function")));
    CHECK_EQUAL(bytes, 128);
    REQUIRE(cuFuncGetAttribute(&bytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, dynamic));
    CHECK_EQUAL(bytes, 0);
    REQUIRE(cuFuncGetAttribute(&bytes, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, module.function("bounded")));
    CHECK_EQUAL(bytes, 64);
    int blocks = 0;
    REQUIRE(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, fixed, 256, 0));
    CHECK_EQUAL(blocks, 8);
    REQUIRE(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, fixed, 32, 0));
    CHECK_EQUAL(blocks, 17);
}

// A fault in one context is in every later answer of it, and in none of another device.
void failed_context_stays_failed()
{
    const DeviceSession session;
    CUcontext context = nullptr;
    REQUIRE(cuCtxGetCurrent(&context));
    {
        const LoadedModule module(kernels_source, "kernels.cu");
        const Buffer<float> x(4);
        REQUIRE(launch(module.function("fault"), {1, 1, 0}, static_cast<CUdeviceptr>(8)));
        CHECK_EQUAL(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
        CUstream stream = nullptr;
        CUdeviceptr pointer = 0;
        float value = 0;
        CHECK_EQUAL(cuStreamCreate(&stream, 0), CUDA_ERROR_ILLEGAL_ADDRESS);
        CHECK_EQUAL(cuMemAlloc(&pointer, 4), CUDA_ERROR_ILLEGAL_ADDRESS);
        CHECK_EQUAL(cuMemcpyDtoH(&value, x.pointer, 4), CUDA_ERROR_ILLEGAL_ADDRESS);
    }
    // Released all the same, and so were the module and the buffer.
    CHECK_EQUAL(softcuda_count("modules"), 0L);
    CHECK_EQUAL(softcuda_count("allocations"), 0L);

    CUcontext other = nullptr;
    REQUIRE(cuDevicePrimaryCtxRetain(&other, 1));
    REQUIRE(cuCtxSetCurrent(other));
    CHECK_EQUAL(cuCtxSynchronize(), CUDA_SUCCESS);
    REQUIRE(cuDevicePrimaryCtxRelease(1));

    REQUIRE(cuCtxSetCurrent(context));
    CHECK_EQUAL(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    REQUIRE(cuDevicePrimaryCtxReset(0));
    CHECK_EQUAL(cuCtxSynchronize(), CUDA_SUCCESS);
}

void launches_can_be_made_to_fail()
{
    const DeviceSession session;
    const LoadedModule module(kernels_source, "kernels.cu");
    const CUfunction bounded = module.function("bounded");
    const Buffer<float> x(4);
    set("FAIL_LAUNCH", "0,2,719");
    REQUIRE(launch(bounded, {1, 4, 0}, x.pointer));
    CHECK_EQUAL(cuCtxSynchronize(), CUDA_SUCCESS);
    REQUIRE(launch(bounded, {1, 4, 0}, x.pointer));
    CHECK_EQUAL(cuCtxSynchronize(), CUDA_ERROR_LAUNCH_FAILED);
    CHECK_EQUAL(launch(bounded, {1, 4, 0}, x.pointer), CUDA_ERROR_LAUNCH_FAILED);
    set("FAIL_LAUNCH", "");
}

// A kernel of one device must not touch the memory of another. Only the checker sees it.
void memory_belongs_to_one_device()
{
    set("CHECK", "1");
    {
        const DeviceSession session;
        const LoadedModule module(kernels_source, "kernels.cu");
        CUcontext mine = nullptr;
        CUcontext other = nullptr;
        REQUIRE(cuCtxGetCurrent(&mine));
        REQUIRE(cuDevicePrimaryCtxRetain(&other, 1));
        REQUIRE(cuCtxSetCurrent(other));
        CUdeviceptr foreign = 0;
        REQUIRE(cuMemAlloc(&foreign, 64));
        REQUIRE(cuCtxSetCurrent(mine));
        REQUIRE(launch(module.function("fault"), {1, 1, 0}, foreign));
        CHECK_EQUAL(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
        CHECK_CONTAINS(softcuda_report(), "memory of device 1");
        REQUIRE(cuDevicePrimaryCtxRelease(1));
    }
    set("CHECK", "0");
}

// Loading a module without the checker's call-outs would look like a pass of the checker.
void checker_refuses_modules_built_without_it()
{
    const DeviceSession session;
    const CompiledProgram compiled(kernels_source, "kernels.cu", {"--gpu-architecture=sm_90"});
    set("CHECK", "1");
    CUmodule module = nullptr;
    CHECK_EQUAL(cuModuleLoadData(&module, compiled.cubin().data()), CUDA_ERROR_INVALID_IMAGE);
    CHECK_CONTAINS(softcuda_report(), "CHECK=1");
    set("CHECK", "0");
}

// Large grids are shared among threads; the sum does not show it, and every block runs once.
void blocks_run_on_several_threads()
{
    const DeviceSession session;
    const LoadedModule module(kernels_source, "kernels.cu");
    std::vector<int> values(1024);
    unsigned long long expected = 0;
    const int repeats = 1000;
    for (int i = 0; i < 1024; i++)
    {
        values[static_cast<size_t>(i)] = i % 7;
        expected += static_cast<unsigned long long>(i % 7) * repeats;
    }
    expected *= 64;  // 64 * 1024 threads visit each element `repeats` times per 1024 threads
    const Buffer<int> x(values);
    for (const char* threads : {"1", "2", "5"})
    {
        for (const char* order : {"ascending", "descending", "shuffled"})
        {
            set("THREADS", threads);
            set("ORDER", order);
            const Buffer<unsigned long long> total(std::vector<unsigned long long>{0});
            REQUIRE(launch(module.function("block_sums"), {256, 256, 0}, x.pointer, total.pointer, repeats));
            CHECK_EQUAL(total.values()[0], expected);
        }
    }
    set("THREADS", "2");
    set("ORDER", "ascending");
}

void settings_refuse_nonsense()
{
    CHECK_EQUAL(softcuda_set("NO_SUCH_KEY", "1"), 0);
    CHECK_EQUAL(softcuda_set("ORDER", "sideways"), 0);
    CHECK_EQUAL(softcuda_set("DEFER", "yes"), 0);
    CHECK_EQUAL(softcuda_set("DEVICES", "-1"), 0);
    CHECK_EQUAL(softcuda_set("FAIL_LAUNCH", "0,1"), 0);
    CHECK_EQUAL(softcuda_set("SEED", "12x"), 0);
    set("SEED", "12");
    CHECK_EQUAL(std::string(softcuda_setting("SEED")), std::string("12"));
    CHECK(softcuda_setting("NO_SUCH_KEY") == nullptr);
    CHECK_EQUAL(softcuda_count("no such thing"), -1L);
    set("SEED", "1");
}
}

int main()
{
    return run_tests({
        {"no_device_is_said_at_the_start", no_device_is_said_at_the_start},
        {"devices_are_described", devices_are_described},
        {"errors_have_names", errors_have_names},
        {"old_driver_lacks_new_functions", old_driver_lacks_new_functions},
        {"primary_context_lives_while_it_is_retained", primary_context_lives_while_it_is_retained},
        {"each_thread_has_its_current_context", each_thread_has_its_current_context},
        {"memory_is_counted_and_limited", memory_is_counted_and_limited},
        {"freed_addresses_come_back_only_later", freed_addresses_come_back_only_later},
        {"allocations_can_be_made_to_fail", allocations_can_be_made_to_fail},
        {"copies_stay_inside_buffers", copies_stay_inside_buffers},
        {"pointers_have_attributes", pointers_have_attributes},
        {"modules_refuse_what_is_not_theirs", modules_refuse_what_is_not_theirs},
        {"modules_fit_their_architecture", modules_fit_their_architecture},
        {"new_ptx_needs_a_new_driver", new_ptx_needs_a_new_driver},
        {"module_variables_are_memory", module_variables_are_memory},
        {"parameters_are_described", parameters_are_described},
        {"parameters_can_come_in_one_buffer", parameters_can_come_in_one_buffer},
        {"launches_have_limits", launches_have_limits},
        {"shared_memory_has_limits", shared_memory_has_limits},
        {"failed_context_stays_failed", failed_context_stays_failed},
        {"launches_can_be_made_to_fail", launches_can_be_made_to_fail},
        {"memory_belongs_to_one_device", memory_belongs_to_one_device},
        {"checker_refuses_modules_built_without_it", checker_refuses_modules_built_without_it},
        {"blocks_run_on_several_threads", blocks_run_on_several_threads},
        {"settings_refuse_nonsense", settings_refuse_nonsense},
    });
}

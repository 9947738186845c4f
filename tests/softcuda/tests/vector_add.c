/* A program as it is written for a GPU: it knows nothing of the software device, and with the real headers and libraries
   it runs on a real one. Adds two vectors, and exits with 0 where every sum is right. */
#include <cuda.h>
#include <nvrtc.h>
#include <stdio.h>
#include <stdlib.h>

#define ELEMENTS 100003
#define THREADS 256

static const char* const source =
    "extern \"C\" __global__ void vector_add(const float* a, const float* b, float* sum, int n)\n"
    "{\n"
    "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
    "    if (i < n)\n"
    "        sum[i] = a[i] + b[i];\n"
    "}\n";

static void check_driver(CUresult result, const char* call)
{
    const char* name = "unknown error";
    if (result == CUDA_SUCCESS)
        return;
    cuGetErrorName(result, &name);
    fprintf(stderr, "%s: %s\n", call, name);
    exit(1);
}

static void check_compiler(nvrtcResult result, const char* call)
{
    if (result == NVRTC_SUCCESS)
        return;
    fprintf(stderr, "%s: %s\n", call, nvrtcGetErrorString(result));
    exit(1);
}

#define DRIVER(call) check_driver(call, #call)
#define COMPILER(call) check_compiler(call, #call)

static char* compile(CUdevice device)
{
    int major = 0;
    int minor = 0;
    DRIVER(cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device));
    DRIVER(cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device));
    char architecture[64];
    snprintf(architecture, sizeof architecture, "--gpu-architecture=sm_%d%d", major, minor);
    const char* options[] = {architecture};

    nvrtcProgram program;
    COMPILER(nvrtcCreateProgram(&program, source, "vector_add.cu", 0, NULL, NULL));
    COMPILER(nvrtcCompileProgram(program, 1, options));
    size_t size = 0;
    COMPILER(nvrtcGetCUBINSize(program, &size));
    char* cubin = malloc(size);
    COMPILER(nvrtcGetCUBIN(program, cubin));
    COMPILER(nvrtcDestroyProgram(&program));
    return cubin;
}

int main(void)
{
    CUdevice device;
    CUcontext context;
    DRIVER(cuInit(0));
    DRIVER(cuDeviceGet(&device, 0));
    DRIVER(cuDevicePrimaryCtxRetain(&context, device));
    DRIVER(cuCtxSetCurrent(context));
    char name[128];
    DRIVER(cuDeviceGetName(name, sizeof name, device));
    printf("device: %s\n", name);

    char* cubin = compile(device);
    CUmodule module;
    CUfunction function;
    DRIVER(cuModuleLoadData(&module, cubin));
    DRIVER(cuModuleGetFunction(&function, module, "vector_add"));
    free(cubin);

    const size_t bytes = ELEMENTS * sizeof(float);
    float* a = malloc(bytes);
    float* b = malloc(bytes);
    float* sum = malloc(bytes);
    for (int i = 0; i < ELEMENTS; i++)
    {
        a[i] = (float)i;
        b[i] = 2.0f * (float)i;
    }

    CUdeviceptr device_a, device_b, device_sum;
    DRIVER(cuMemAlloc(&device_a, bytes));
    DRIVER(cuMemAlloc(&device_b, bytes));
    DRIVER(cuMemAlloc(&device_sum, bytes));
    DRIVER(cuMemcpyHtoD(device_a, a, bytes));
    DRIVER(cuMemcpyHtoD(device_b, b, bytes));
    int elements = ELEMENTS;
    void* arguments[] = {&device_a, &device_b, &device_sum, &elements};
    DRIVER(cuLaunchKernel(function, (ELEMENTS + THREADS - 1) / THREADS, 1, 1, THREADS, 1, 1, 0, NULL, arguments, NULL));
    DRIVER(cuCtxSynchronize());
    DRIVER(cuMemcpyDtoH(sum, device_sum, bytes));

    int wrong = 0;
    for (int i = 0; i < ELEMENTS; i++)
        wrong += sum[i] != a[i] + b[i];
    printf("%d of %d sums are wrong\n", wrong, ELEMENTS);

    DRIVER(cuMemFree(device_a));
    DRIVER(cuMemFree(device_b));
    DRIVER(cuMemFree(device_sum));
    DRIVER(cuModuleUnload(module));
    DRIVER(cuDevicePrimaryCtxRelease(device));
    free(a);
    free(b);
    free(sum);
    return wrong != 0;
}

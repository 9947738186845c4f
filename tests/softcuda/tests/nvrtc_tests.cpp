// The compiler: options and results as NVRTC's, and that CUDA C means here what it means there.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <thread>

#include "support.h"

namespace
{
using namespace softcuda::tests;

const std::string scale_source = "extern \"C\" __global__ void scale(float* x, float factor, int n)\n"
                                 "{\n"
                                 "    const int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
                                 "    if (i < n)\n"
                                 "        x[i] *= factor;\n"
                                 "}\n";

nvrtcResult result_with(const std::vector<std::string>& options)
{
    return CompiledProgram(scale_source, "scale.cu", options).result;
}

void options_are_those_of_nvrtc()
{
    for (const char* option :
         {"-arch=sm_90", "--gpu-architecture=compute_80", "-DX=1", "--define-macro=X=1", "-lineinfo",
          "--generate-line-info", "--fmad=false", "-fmad=true", "--std=c++17", "-std=c++20", "-default-device",
          "--use_fast_math", "--maxrregcount=64", "-restrict", "-G", "-w", "--ptxas-options=-v", "-UX",
          "--ftz=true", "--prec-div=false", "-I/nowhere", "--extra-device-vectorization"})
        CHECK_EQUAL(result_with({option}), NVRTC_SUCCESS);
    CHECK_EQUAL(result_with({"--gpu-architecture", "sm_90", "-D", "X=1"}), NVRTC_SUCCESS);

    for (const char* option : {"--no-such-option", "-O3", "--gpu-architecture=sm_91", "--gpu-architecture=90",
                               "-arch=", "--std=c++98", "--fmad=maybe", "lineinfo", "--gpu-architecture"})
        CHECK_EQUAL(result_with({option}), NVRTC_ERROR_INVALID_OPTION);
    CHECK_CONTAINS(CompiledProgram(scale_source, "scale.cu", {"--no-such-option"}).log(), "--no-such-option");
}

void newest_architecture_can_be_set()
{
    set("NVRTC_NEWEST_ARCH", "86");
    CHECK_EQUAL(result_with({"--gpu-architecture=sm_86"}), NVRTC_SUCCESS);
    const CompiledProgram refused(scale_source, "scale.cu", {"--gpu-architecture=sm_90"});
    CHECK_EQUAL(refused.result, NVRTC_ERROR_INVALID_OPTION);
    CHECK_CONTAINS(refused.log(), "--gpu-architecture");
    int count = 0;
    REQUIRE(nvrtcGetNumSupportedArchs(&count));
    std::vector<int> architectures(static_cast<size_t>(count));
    REQUIRE(nvrtcGetSupportedArchs(architectures.data()));
    CHECK_EQUAL(architectures.back(), 86);
    CHECK(std::is_sorted(architectures.begin(), architectures.end()));
    set("NVRTC_NEWEST_ARCH", "121");
}

void version_can_be_set()
{
    int major = 0;
    int minor = 0;
    set("NVRTC_VERSION", "12080");
    REQUIRE(nvrtcVersion(&major, &minor));
    CHECK_EQUAL(major, 12);
    CHECK_EQUAL(minor, 8);
    set("NVRTC_VERSION", "13000");
}

void real_architecture_gives_cubin_and_virtual_one_ptx()
{
    const CompiledProgram real(scale_source, "scale.cu", {"--gpu-architecture=sm_90"});
    CHECK(!real.cubin().empty());
    const CompiledProgram other(scale_source, "scale.cu", {"--gpu-architecture=compute_90"});
    CHECK(other.cubin().empty());
    char byte = 0;
    CHECK(nvrtcGetCUBIN(other.program, &byte) != NVRTC_SUCCESS);
    const std::string ptx = other.ptx();
    CHECK_EQUAL(ptx.size(), std::strlen(ptx.c_str()) + 1);
    CHECK_CONTAINS(ptx, ".target sm_90");
}

void errors_name_file_and_line()
{
    const CompiledProgram wrong("extern \"C\" __global__ void f(float* x)\n{\n    x[0] = missing;\n}\n", "wrong.cu", {});
    CHECK_EQUAL(wrong.result, NVRTC_ERROR_COMPILATION);
    CHECK_CONTAINS(wrong.log(), "wrong.cu(3): error: ");
    CHECK_CONTAINS(wrong.log(), "missing");
    CHECK_CONTAINS(wrong.log(), "1 error detected in the compilation of \"wrong.cu\".");
    CHECK(wrong.cubin().empty() && wrong.ptx().empty());
}

void errors_in_headers_name_the_header()
{
    const CompiledProgram wrong("#include \"kernels/common.cuh\"\n", "kernels/main.cu", {},
                                {{"kernels/common.cuh", "#pragma once\n\ntypedef missing real;\n"}});
    CHECK_EQUAL(wrong.result, NVRTC_ERROR_COMPILATION);
    CHECK_CONTAINS(wrong.log(), "kernels/common.cuh(3): error: ");
}

void missing_header_is_an_error()
{
    const CompiledProgram wrong("#include \"common.cuh\"\n", "main.cu", {});
    CHECK_EQUAL(wrong.result, NVRTC_ERROR_COMPILATION);
    CHECK_CONTAINS(wrong.log(), "main.cu(1): ");
    CHECK_CONTAINS(wrong.log(), "common.cuh");
}

void headers_of_the_host_are_not_found()
{
    for (const char* header : {"<cstdint>", "<stdio.h>", "<cuda_runtime.h>", "<vector>"})
        CHECK_EQUAL(CompiledProgram("#include " + std::string(header) + "\n", "main.cu", {}).result,
                    NVRTC_ERROR_COMPILATION);
}

void undefined_functions_are_an_error()
{
    const CompiledProgram wrong("__device__ float elsewhere(float);\n"
                                "extern \"C\" __global__ void f(float* x) { x[0] = elsewhere(x[1]); }\n",
                                "main.cu", {});
    CHECK_EQUAL(wrong.result, NVRTC_ERROR_COMPILATION);
    CHECK_CONTAINS(wrong.log(), "elsewhere");
}

void too_much_static_shared_memory_is_an_error()
{
    const std::string source = "static __device__ float sum(float x)\n"
                               "{\n"
                               "    __shared__ float tile[8192];\n"
                               "    tile[threadIdx.x] = x;\n"
                               "    __syncthreads();\n"
                               "    return tile[0];\n"
                               "}\n"
                               "extern \"C\" __global__ void just_enough(float* x) { x[0] = sum(x[1]); }\n"
                               "extern \"C\" __global__ void too_much(float* x)\n"
                               "{\n"
                               "    __shared__ double more[2049];\n"
                               "    more[threadIdx.x] = 1;\n"
                               "    __syncthreads();\n"
                               "    x[0] = sum(x[1]) + more[1];\n"
                               "}\n";
    const CompiledProgram wrong(source, "main.cu", {"-arch=sm_90"});
    CHECK_EQUAL(wrong.result, NVRTC_ERROR_COMPILATION);
    CHECK_CONTAINS(wrong.log(), "too_much");
    CHECK(wrong.log().find("just_enough") == std::string::npos);
}

void calls_in_wrong_order_are_refused()
{
    nvrtcProgram program = nullptr;
    CHECK_EQUAL(nvrtcCreateProgram(&program, nullptr, "x.cu", 0, nullptr, nullptr), NVRTC_ERROR_INVALID_INPUT);
    CHECK_EQUAL(nvrtcCreateProgram(&program, "", "x.cu", 1, nullptr, nullptr), NVRTC_ERROR_INVALID_INPUT);
    CHECK_EQUAL(nvrtcDestroyProgram(nullptr), NVRTC_ERROR_INVALID_PROGRAM);
    CHECK_EQUAL(nvrtcCompileProgram(nullptr, 0, nullptr), NVRTC_ERROR_INVALID_PROGRAM);
    REQUIRE(nvrtcCreateProgram(&program, "template <int n> __global__ void f(int* x) { *x = n; }", nullptr, 0, nullptr,
                               nullptr));
    REQUIRE(nvrtcAddNameExpression(program, "f<3>"));
    const char* name = nullptr;
    CHECK_EQUAL(nvrtcGetLoweredName(program, "f<3>", &name), NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION);
    REQUIRE(nvrtcCompileProgram(program, 0, nullptr));
    CHECK_EQUAL(nvrtcAddNameExpression(program, "f<4>"), NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION);
    CHECK_EQUAL(nvrtcGetLoweredName(program, "f<4>", &name), NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID);
    CHECK_EQUAL(nvrtcGetLoweredName(program, "f<3>", &name), NVRTC_SUCCESS);
    REQUIRE(nvrtcDestroyProgram(&program));
    CHECK(program == nullptr);
    CHECK(nvrtcGetErrorString(NVRTC_ERROR_COMPILATION) == std::string("NVRTC_ERROR_COMPILATION"));
}

void scalars_and_names_reach_the_kernel()
{
    const DeviceSession session;
    const LoadedModule module(
        "namespace deep { namespace er {\n"
        "template <class T, int n> __global__ void __launch_bounds__(64) add(T* x, T y) { x[threadIdx.x] += y * n; }\n"
        "} }\n"
        "struct Pair { char first; double second; };\n"
        "extern \"C\" { __global__ void mixed(double* x, char a, Pair p, short b) { *x = a + p.first + p.second + b; } }\n"
        "static __global__ void hidden(int* x) { *x = 1; }\n"
        "extern \"C\" __global__ __launch_bounds__(32 * 4, 2) void bounded(int* x) { *x = blockDim.x; }\n",
        "names.cu", {}, {"deep::er::add<float, 3>", "&deep::er::add<double, 2>"});
    const Buffer<float> floats(std::vector<float>{1, 2});
    REQUIRE(launch(module.function(module.lowered_names[0]), {1, 2, 0}, floats.pointer, 0.5f));
    CHECK_EQUAL(floats.values()[1], 3.5f);
    const Buffer<double> doubles(std::vector<double>{1});
    REQUIRE(launch(module.function(module.lowered_names[1]), {1, 1, 0}, doubles.pointer, 0.5));
    CHECK_EQUAL(doubles.values()[0], 2.0);

    struct Pair
    {
        char first;
        double second;
    };
    const CUfunction mixed = module.function("mixed");
    REQUIRE(launch(mixed, {1, 1, 0}, doubles.pointer, char(1), Pair{2, 0.25}, short(-4)));
    CHECK_EQUAL(doubles.values()[0], -0.75);
    size_t offset = 0;
    size_t size = 0;
    const size_t expected[][2] = {{0, 8}, {8, 1}, {16, 16}, {32, 2}};
    for (size_t i = 0; i < 4; i++)
    {
        REQUIRE(cuFuncGetParamInfo(mixed, i, &offset, &size));
        CHECK_EQUAL(offset, expected[i][0]);
        CHECK_EQUAL(size, expected[i][1]);
    }

    CHECK_EQUAL(cuFuncGetParamInfo(mixed, 4, &offset, &size), CUDA_ERROR_INVALID_VALUE);
    CUfunction hidden = nullptr;
    CHECK_EQUAL(cuModuleGetFunction(&hidden, module.module, "hidden"), CUDA_ERROR_NOT_FOUND);
    int most = 0;
    REQUIRE(cuFuncGetAttribute(&most, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, module.function("bounded")));
    CHECK_EQUAL(most, 128);
}

// Words that mean something to the pass over the source, where they do not mean it.
void the_scan_is_not_deceived()
{
    const DeviceSession session;
    const LoadedModule module(
        "// __global__ void commented(int* x) {}\n"
        "#define KERNEL(name, value) extern \"C\" __global__ void name(int* x) { *x = value; }\n"
        "KERNEL(first, 1)\n"
        "KERNEL(second, 1'000)\n"
        "__device__ const char text[] = \"__global__ void quoted(int* x) { }} __shared__\";\n"
        "__global__ void declared(int* x);\n"
        "extern \"C\" __global__ void lambda(int* x)\n"
        "{\n"
        "    auto twice = [](int y) { return 2 * y; };\n"
        "    const char brace = '{';\n"
        "    const char quote = '\\'';\n"
        "    *x = twice(brace == '{' && quote != '\"' ? 21 : 0);\n"
        "}\n"
        "extern \"C\" __global__ void\n"
        "last(int* x, int y)\n"
        "{ *x = y + (int)sizeof(text); }\n",
        "scan.cu");
    const Buffer<int> x(std::vector<int>{0});
    const std::pair<const char*, int> expected[] = {{"first", 1}, {"second", 1000}, {"lambda", 42}};
    for (const auto& [name, value] : expected)
    {
        REQUIRE(launch(module.function(name), {}, x.pointer));
        CHECK_EQUAL(x.values()[0], value);
    }

    REQUIRE(launch(module.function("last"), {}, x.pointer, 5));
    CHECK_EQUAL(x.values()[0], 52);
    CUfunction none = nullptr;
    for (const char* name : {"commented", "quoted", "declared"})
        CHECK_EQUAL(cuModuleGetFunction(&none, module.module, name), CUDA_ERROR_NOT_FOUND);
}

void shared_memory_in_all_its_forms()
{
    const DeviceSession session;
    const LoadedModule module(
        "template <class T> __device__ T rotate(T value)\n"
        "{\n"
        "    static __shared__ T tile[32];\n"
        "    tile[threadIdx.x] = value;\n"
        "    __syncthreads();\n"
        "    const T other = tile[(threadIdx.x + 1) % blockDim.x];\n"
        "    __syncthreads();\n"
        "    return other;\n"
        "}\n"
        "extern \"C\" __global__ void statics(float* x)\n"
        "{\n"
        "    __shared__ alignas(16) float a[32], b[2][16];\n"
        "    __shared__ struct { double d; int i; } both;\n"
        "    const int i = threadIdx.x;\n"
        "    a[i] = x[i];\n"
        "    b[i / 16][i % 16] = 1;\n"
        "    if (i == 0)\n"
        "        both = {0.5, 2};\n"
        "    __syncthreads();\n"
        "    x[i] = a[31 - i] + b[1][i % 16] + both.d * both.i + rotate(i) * 100 + rotate((double)i) * 10000\n"
        "        + ((size_t)a % 16);\n"
        "}\n"
        "extern \"C\" __global__ void dynamic(float* x)\n"
        "{\n"
        "    extern __shared__ __align__(16) unsigned char bytes[];\n"
        "    float* tile = (float*)bytes;\n"
        "    tile[threadIdx.x] = x[threadIdx.x];\n"
        "    __syncthreads();\n"
        "    x[threadIdx.x] = tile[31 - threadIdx.x] + ((size_t)tile % 16);\n"
        "}\n"
        "extern __shared__ float whole[];\n"
        "extern \"C\" __global__ void dynamic_outside(float* x)\n"
        "{\n"
        "    whole[threadIdx.x] = x[threadIdx.x];\n"
        "    __syncthreads();\n"
        "    x[threadIdx.x] = whole[31 - threadIdx.x];\n"
        "}\n",
        "shared.cu");
    std::vector<float> values(32);
    for (size_t i = 0; i < 32; i++)
        values[i] = static_cast<float>(i);
    const Buffer<float> x(values);
    REQUIRE(launch(module.function("statics"), {1, 32, 0}, x.pointer));
    for (int i = 0; i < 32; i++)
        CHECK_EQUAL(x.values()[static_cast<size_t>(i)], (31 - i) + 2 + (i + 1) % 32 * 10100.0f);
    for (const char* kernel : {"dynamic", "dynamic_outside"})
    {
        const Buffer<float> y(values);
        REQUIRE(launch(module.function(kernel), {1, 32, 128}, y.pointer));
        CHECK_EQUAL(y.values()[0], 31.0f);
        CHECK_EQUAL(y.values()[31], 0.0f);
    }

    int bytes = 0;
    REQUIRE(cuFuncGetAttribute(&bytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, module.function("dynamic")));
    CHECK_EQUAL(bytes, 0);
    REQUIRE(cuFuncGetAttribute(&bytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, module.function("statics")));
    CHECK(bytes >= 32 * 4 + 32 * 4 + 16 + 32 * 4 + 32 * 8);
}

void global_variables_are_found()
{
    const DeviceSession session;
    const LoadedModule module("__constant__ float factors[4];\n"
                              "__device__ int calls = 5;\n"
                              "extern \"C\" __global__ void f(float* x)\n"
                              "{\n"
                              "    atomicAdd(&calls, 1);\n"
                              "    x[threadIdx.x] = factors[threadIdx.x];\n"
                              "}\n",
                              "globals.cu");
    CUdeviceptr pointer = 0;
    size_t bytes = 0;
    REQUIRE(cuModuleGetGlobal(&pointer, &bytes, module.module, "factors"));
    CHECK_EQUAL(bytes, size_t(16));
    const float factors[] = {1, 2, 3, 4};
    REQUIRE(cuMemcpyHtoD(pointer, factors, sizeof factors));
    const Buffer<float> x(4);
    REQUIRE(launch(module.function("f"), {1, 4, 0}, x.pointer));
    CHECK_EQUAL(x.values()[3], 4.0f);
    int calls = 0;
    REQUIRE(cuModuleGetGlobal(&pointer, &bytes, module.module, "calls"));
    REQUIRE(cuMemcpyDtoH(&calls, pointer, sizeof calls));
    CHECK_EQUAL(calls, 9);
    CHECK_EQUAL(cuModuleGetGlobal(&pointer, &bytes, module.module, "absent"), CUDA_ERROR_NOT_FOUND);
}

// x * x - 2^-24 of x = 1 + 2^-12 tells a fused operation from two rounded ones.
void contraction_follows_the_option()
{
    // Kernels of their own: one product for several uses would not be fused.
    const std::string source = "extern \"C\" __global__ void plain(float* x) { x[1] = x[0] * x[0] - x[3]; }\n"
                               "extern \"C\" __global__ void rounded(float* x)\n"
                               "{\n"
                               "    x[2] = __fsub_rn(__fmul_rn(x[0], x[0]), x[3]);\n"
                               "}\n"
                               "extern \"C\" __global__ void rounded_product(float* x)\n"
                               "{\n"
                               "    x[4] = __fmul_rn(x[0], x[0]) - x[3];\n"
                               "}\n";
    const float x = 1 + std::ldexp(1.0f, -12);
    const float rounded_square = x * x;
    for (bool contract : {true, false})
    {
        const DeviceSession session;
        const LoadedModule module(source, "fma.cu", {contract ? "--fmad=true" : "--fmad=false"});
        const Buffer<float> buffer(std::vector<float>{x, 0, 0, rounded_square, 0});
        for (const char* kernel : {"plain", "rounded", "rounded_product"})
            REQUIRE(launch(module.function(kernel), {}, buffer.pointer));
        const std::vector<float> results = buffer.values();
        CHECK_EQUAL(results[1], contract ? std::ldexp(1.0f, -24) : 0.0f);
        CHECK_EQUAL(results[2], 0.0f);
        CHECK_EQUAL(results[4], 0.0f);
    }
}

void intrinsics_mean_what_they_say()
{
    const DeviceSession session;
    const LoadedModule module(
        "extern \"C\" __global__ void f(int* wrong)\n"
        "{\n"
        "    const float nan = __int_as_float(0x7fffffff);\n"
        "    const float inf = __int_as_float(0x7f800000);\n"
        "    int i = 0;\n"
        "#define EXPECT(condition) wrong[i++] = !(condition)\n"
        "    EXPECT(__umulhi(0xffffffffu, 0xffffffffu) == 0xfffffffeu);\n"
        "    EXPECT(__mulhi(-1, 5) == -1);\n"
        "    EXPECT(__umul64hi(~0ull, ~0ull) == ~0ull - 1);\n"
        "    EXPECT(__clz(0) == 32 && __clz(1) == 31 && __clzll(1) == 63 && __popc(0xf0) == 4 && __ffs(8) == 4);\n"
        "    EXPECT(__brev(1) == 0x80000000u && __byte_perm(0x33221100, 0x77665544, 0x7410) == 0x77441100);\n"
        "    EXPECT(__float2int_rn(2.5f) == 2 && __float2int_rz(-2.5f) == -2 && __float2int_rd(-2.5f) == -3);\n"
        "    EXPECT(__float2int_rn(nan) == 0 && __float2int_rn(inf) == 0x7fffffff && __float2uint_rn(-1.0f) == 0);\n"
        "    EXPECT(__double2float_rn(1.0 + 1e-9) == 1.0f);\n"
        "    EXPECT(fmaxf(nan, 1.0f) == 1.0f && fminf(1.0f, nan) == 1.0f && isnan(fmax(nan, nan)));\n"
        "    EXPECT(!signbit(fmaxf(-0.0f, 0.0f)) && signbit(fminf(0.0f, -0.0f)));\n"
        "    EXPECT(max(-1, 1) == 1 && max(1u, 2) == 2u && min(3ll, 4ll) == 3 && max(1.5f, 1.25) == 1.5);\n"
        "    EXPECT(isinf(inf) && !isinf(1.0) && isnan(nan) && !isfinite(inf));\n"
        "    EXPECT(rsqrtf(4.0f) == 0.5f && rsqrt(4.0) == 0.5 && sqrt(9.0f) == 3.0f && fma(2.0, 3.0, 1.0) == 7.0);\n"
        "    EXPECT(exp(0.0f) == 1.0f && log(1.0) == 0.0 && fabs(-1.0f) == 1.0f && pow(2.0f, 3) == 8.0f);\n"
        "    EXPECT(__double_as_longlong(1.0) == 0x3ff0000000000000ll && __longlong_as_double(0) == 0.0);\n"
        "    EXPECT(__hiloint2double(0x3ff00000, 0) == 1.0 && __double2hiint(1.0) == 0x3ff00000);\n"
        "    EXPECT(sizeof(float4) == 16 && alignof(float4) == 16 && alignof(double2) == 16 && alignof(uchar4) == 4);\n"
        "    EXPECT(make_float4(1, 2, 3, 4).w == 4 && make_longlong2(1, 2).y == 2 && make_uint3(1, 2, 3).z == 3);\n"
        "    EXPECT(__CUDA_ARCH__ == 900 && warpSize == 32 && dim3(4).y == 1);\n"
        "    EXPECT(__saturatef(nan) == 0 && __saturatef(2) == 1);\n"
        "}\n",
        "intrinsics.cu");
    const std::vector<int> untouched(32, 0);
    const Buffer<int> wrong(untouched);
    REQUIRE(launch(module.function("f"), {}, wrong.pointer));
    const std::vector<int> results = wrong.values();
    for (size_t i = 0; i < results.size(); i++)
    {
        if (results[i] != 0)
            fail(__FILE__, __LINE__, "expectation " + std::to_string(i) + " of intrinsics.cu does not hold");
    }
}

void warp_operations_and_atomics()
{
    const DeviceSession session;
    const LoadedModule module(
        "extern \"C\" __global__ void f(int* wrong, unsigned* total, float* sum)\n"
        "{\n"
        "    const unsigned all = 0xffffffffu;\n"
        "    const int i = threadIdx.x;\n"
        "    int bad = 0;\n"
        "    bad |= __shfl_sync(all, i, 5) != 5;\n"
        "    bad |= __shfl_up_sync(all, i, 2) != (i < 2 ? i : i - 2);\n"
        "    bad |= __shfl_down_sync(all, (double)i, 4, 8) != (i % 8 + 4 < 8 ? i + 4 : i);\n"
        "    bad |= __shfl_xor_sync(all, (long long)i << 40, 3) != (long long)(i ^ 3) << 40;\n"
        "    bad |= __shfl_sync(all, i % 2 == 0, 1) != 0;\n"
        "    bad |= __ballot_sync(all, i % 3 == 0) != 0x49249249u;\n"
        "    bad |= !__any_sync(all, i == 7) || __all_sync(all, i != 7);\n"
        "    bad |= __match_any_sync(all, i % 2) != (i % 2 ? 0xaaaaaaaau : 0x55555555u);\n"
        "    bad |= __reduce_add_sync(all, i) != 496 || __reduce_min_sync(all, -i) != -31;\n"
        "    bad |= __reduce_max_sync(all, (unsigned)i) != 31u || __reduce_or_sync(all, 1u << i) != all;\n"
        "    bad |= __activemask() != all;\n"
        "    bad |= __syncthreads_count(i < 5) != 5 || __syncthreads_and(i < 5) || !__syncthreads_or(i == 5);\n"
        "    wrong[blockIdx.x * 32 + i] = bad;\n"
        "    atomicAdd(total, 1u);\n"
        "    atomicMax(total + 1, (unsigned)i);\n"
        "    atomicInc(total + 2, 9u);\n"
        "    atomicOr(total + 3, 1u << i);\n"
        "    if (atomicCAS(total + 4, 0u, 7u) == 0)\n"
        "        atomicSub(total + 4, 3u);\n"
        "    atomicAdd(sum, 0.5f);\n"
        "}\n",
        "warp.cu");
    constexpr unsigned block_count = 100;
    const Buffer<int> wrong(block_count * 32);
    const Buffer<unsigned> total(std::vector<unsigned>(5, 0));
    const Buffer<float> sum(std::vector<float>{0});
    for (const char* threads : {"1", "4"})
    {
        set("THREADS", threads);
        REQUIRE(cuMemsetD8(total.pointer, 0, 20));
        REQUIRE(cuMemsetD8(sum.pointer, 0, 4));
        REQUIRE(launch(module.function("f"), {block_count, 32, 0}, wrong.pointer, total.pointer, sum.pointer));
        const std::vector<int> bad = wrong.values();
        CHECK_EQUAL(static_cast<long>(std::count(bad.begin(), bad.end(), 0)), block_count * 32L);
        const std::vector<unsigned> totals = total.values();
        CHECK_EQUAL(totals[0], block_count * 32);
        CHECK_EQUAL(totals[1], 31u);
        CHECK_EQUAL(totals[2], 0u);
        CHECK_EQUAL(totals[3], 0xffffffffu);
        CHECK_EQUAL(totals[4], 4u);
        CHECK_EQUAL(sum.values()[0], block_count * 16.0f);
    }

    set("THREADS", "1");
}

void several_threads_compile_at_once()
{
    set("CACHE", "off");
    std::vector<std::thread> threads;
    std::vector<nvrtcResult> results(8, NVRTC_ERROR_INTERNAL_ERROR);
    for (size_t i = 0; i < results.size(); i++)
        threads.emplace_back([&results, i] { results[i] = result_with({"-arch=sm_90", "-DI=" + std::to_string(i)}); });
    for (std::thread& thread : threads)
        thread.join();
    for (nvrtcResult result : results)
        CHECK_EQUAL(result, NVRTC_SUCCESS);
}

std::vector<std::filesystem::path> files_in(const std::string& folder)
{
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        files.push_back(entry.path());
    return files;
}

void cache_keeps_and_mends_its_entries()
{
    const std::string folder = (std::filesystem::temp_directory_path() / "softcuda-cache-test").string();
    std::filesystem::remove_all(folder);
    set("CACHE", folder);
    const std::string first = CompiledProgram(scale_source, "scale.cu", {"-arch=sm_90"}).cubin();
    CHECK_EQUAL(files_in(folder).size(), size_t(1));
    CHECK(CompiledProgram(scale_source, "scale.cu", {"-arch=sm_90"}).cubin() == first);
    CHECK_EQUAL(files_in(folder).size(), size_t(1));
    CHECK_EQUAL(result_with({"-arch=sm_90", "-DX=1"}), NVRTC_SUCCESS);
    CHECK_EQUAL(files_in(folder).size(), size_t(2));

    for (const auto& file : files_in(folder))
        std::ofstream(file, std::ios::app) << "damage";
    CHECK(CompiledProgram(scale_source, "scale.cu", {"-arch=sm_90"}).cubin() == first);

    // Others may write there, and so what lies there is not read.
    std::filesystem::permissions(folder, std::filesystem::perms::all);
    CHECK(CompiledProgram(scale_source, "scale.cu", {"-arch=sm_90", "-DX=2"}).result == NVRTC_SUCCESS);
    CHECK_EQUAL(files_in(folder).size(), size_t(2));
    std::filesystem::remove_all(folder);
}

void missing_host_compiler_is_said_clearly()
{
    set("CACHE", "off");
    const std::string path = std::getenv("PATH");
    setenv("PATH", "/nonexistent", 1);
    const CompiledProgram program(scale_source, "scale.cu", {"-arch=sm_90"});
    setenv("PATH", path.c_str(), 1);
    CHECK_EQUAL(program.result, NVRTC_ERROR_COMPILATION);
    CHECK_CONTAINS(program.log(), "g++");
}

}

int main()
{
    return run_tests({
        {"options_are_those_of_nvrtc", options_are_those_of_nvrtc},
        {"newest_architecture_can_be_set", newest_architecture_can_be_set},
        {"version_can_be_set", version_can_be_set},
        {"real_architecture_gives_cubin_and_virtual_one_ptx", real_architecture_gives_cubin_and_virtual_one_ptx},
        {"errors_name_file_and_line", errors_name_file_and_line},
        {"errors_in_headers_name_the_header", errors_in_headers_name_the_header},
        {"missing_header_is_an_error", missing_header_is_an_error},
        {"headers_of_the_host_are_not_found", headers_of_the_host_are_not_found},
        {"undefined_functions_are_an_error", undefined_functions_are_an_error},
        {"too_much_static_shared_memory_is_an_error", too_much_static_shared_memory_is_an_error},
        {"calls_in_wrong_order_are_refused", calls_in_wrong_order_are_refused},
        {"scalars_and_names_reach_the_kernel", scalars_and_names_reach_the_kernel},
        {"the_scan_is_not_deceived", the_scan_is_not_deceived},
        {"shared_memory_in_all_its_forms", shared_memory_in_all_its_forms},
        {"global_variables_are_found", global_variables_are_found},
        {"contraction_follows_the_option", contraction_follows_the_option},
        {"intrinsics_mean_what_they_say", intrinsics_mean_what_they_say},
        {"warp_operations_and_atomics", warp_operations_and_atomics},
        {"several_threads_compile_at_once", several_threads_compile_at_once},
        {"cache_keeps_and_mends_its_entries", cache_keeps_and_mends_its_entries},
        {"missing_host_compiler_is_said_clearly", missing_host_compiler_is_said_clearly},
    });
}

// What the tests share: checks that go on, a device that starts anew, and kernels compiled from text.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "../src/exports.h"
#include "cuda.h"
#include "nvrtc.h"

namespace softcuda::tests
{

// Failed checks of this program.
inline int failures = 0;
inline std::string running_test;

inline void fail(const char* file, int line, const std::string& message)
{
    failures++;
    std::printf("%s:%d: %s: %s\n", file, line, running_test.c_str(), message.c_str());
}

inline std::string text_of(const std::string& value)
{
    return "\"" + value + "\"";
}

template <class T>
std::string text_of(T value)
{
    return std::to_string(value);
}

template <class Actual, class Expected>
void check_equal(const char* file, int line, const char* expression, const Actual& actual, const Expected& expected)
{
    if (!(actual == expected))
        fail(file, line, std::string(expression) + " is " + text_of(actual) + ", not " + text_of(expected));
}

#define CHECK(condition) \
    ((condition) ? (void)0 : softcuda::tests::fail(__FILE__, __LINE__, "not so: " #condition))
#define CHECK_EQUAL(actual, expected) \
    softcuda::tests::check_equal(__FILE__, __LINE__, #actual, actual, expected)
#define CHECK_CONTAINS(text, part) \
    (std::string(text).find(part) != std::string::npos \
         ? (void)0 \
         : softcuda::tests::fail(__FILE__, __LINE__, std::string(#text " lacks \"") + (part) + "\": " + (text)))

// For what a test cannot go on without.
inline void require(bool condition, const char* what)
{
    if (condition)
        return;
    std::printf("%s: %s failed; %s\n", running_test.c_str(), what, softcuda_report());
    std::exit(1);
}

#define REQUIRE(call) softcuda::tests::require((call) == 0, #call)

inline int run_tests(const std::vector<std::pair<std::string, std::function<void()>>>& tests)
{
    for (const auto& [name, test] : tests)
    {
        running_test = name;
        const int before = failures;
        test();
        std::printf("%s %s\n", failures == before ? "passed" : "FAILED", name.c_str());
    }

    std::printf("%zu tests, %d failed checks\n", tests.size(), failures);
    return failures != 0;
}

inline void set(const char* key, const std::string& value)
{
    if (softcuda_set(key, value.c_str()) != 1)
        fail(__FILE__, __LINE__, std::string("softcuda_set refuses ") + key + "=" + value);
}

// Device 0 with its primary context, current in this thread. A context that has failed goes with it.
class DeviceSession
{
public:
    DeviceSession()
    {
        softcuda_clear_report();
        REQUIRE(cuInit(0));
        REQUIRE(cuDevicePrimaryCtxRetain(&context, 0));
        REQUIRE(cuCtxSetCurrent(context));
    }

    ~DeviceSession()
    {
        cuDevicePrimaryCtxRelease(0);
    }

    DeviceSession(const DeviceSession&) = delete;
    DeviceSession& operator=(const DeviceSession&) = delete;

private:
    CUcontext context = nullptr;
};

class CompiledProgram
{
public:
    CompiledProgram(const std::string& source, const std::string& name, const std::vector<std::string>& option_texts,
                    const std::vector<std::pair<std::string, std::string>>& headers = {},
                    const std::vector<std::string>& name_expressions = {})
    {
        std::vector<const char*> texts;
        std::vector<const char*> names;
        for (const auto& [header_name, text] : headers)
        {
            names.push_back(header_name.c_str());
            texts.push_back(text.c_str());
        }

        REQUIRE(nvrtcCreateProgram(&program, source.c_str(), name.c_str(), static_cast<int>(headers.size()),
                                   texts.data(), names.data()));
        for (const std::string& expression : name_expressions)
            REQUIRE(nvrtcAddNameExpression(program, expression.c_str()));
        std::vector<const char*> options;
        for (const std::string& option : option_texts)
            options.push_back(option.c_str());
        result = nvrtcCompileProgram(program, static_cast<int>(options.size()), options.data());
    }

    ~CompiledProgram()
    {
        nvrtcDestroyProgram(&program);
    }

    CompiledProgram(const CompiledProgram&) = delete;
    CompiledProgram& operator=(const CompiledProgram&) = delete;

    std::string log() const
    {
        size_t size = 0;
        REQUIRE(nvrtcGetProgramLogSize(program, &size));
        std::string text(size, '\0');
        REQUIRE(nvrtcGetProgramLog(program, text.data()));
        text.resize(size - 1);
        return text;
    }

    std::string cubin() const
    {
        size_t size = 0;
        REQUIRE(nvrtcGetCUBINSize(program, &size));
        std::string bytes(size, '\0');
        if (size > 0)
            REQUIRE(nvrtcGetCUBIN(program, bytes.data()));
        return bytes;
    }

    std::string ptx() const
    {
        size_t size = 0;
        REQUIRE(nvrtcGetPTXSize(program, &size));
        std::string bytes(size, '\0');
        if (size > 0)
            REQUIRE(nvrtcGetPTX(program, bytes.data()));
        return bytes;
    }

    nvrtcProgram program = nullptr;
    nvrtcResult result = NVRTC_SUCCESS;
};

// A module in the current context.
class LoadedModule
{
public:
    LoadedModule(const std::string& source, const std::string& name, std::vector<std::string> options = {},
                 const std::vector<std::string>& name_expressions = {})
    {
        options.push_back("--gpu-architecture=sm_90");
        const CompiledProgram compiled(source, name, options, {}, name_expressions);
        if (compiled.result != NVRTC_SUCCESS)
            std::printf("%s\n", compiled.log().c_str());
        REQUIRE(compiled.result);
        for (const std::string& expression : name_expressions)
        {
            const char* lowered = nullptr;
            REQUIRE(nvrtcGetLoweredName(compiled.program, expression.c_str(), &lowered));
            lowered_names.push_back(lowered);
        }

        REQUIRE(cuModuleLoadData(&module, compiled.cubin().data()));
    }

    ~LoadedModule()
    {
        cuModuleUnload(module);
    }

    LoadedModule(const LoadedModule&) = delete;
    LoadedModule& operator=(const LoadedModule&) = delete;

    CUfunction function(const std::string& name) const
    {
        CUfunction found = nullptr;
        REQUIRE(cuModuleGetFunction(&found, module, name.c_str()));
        return found;
    }

    CUmodule module = nullptr;
    std::vector<std::string> lowered_names;
};

// A buffer on the device.
template <class T>
class Buffer
{
public:
    explicit Buffer(size_t elements) : count(elements)
    {
        REQUIRE(cuMemAlloc(&pointer, elements * sizeof(T)));
    }

    explicit Buffer(const std::vector<T>& values) : Buffer(values.size())
    {
        REQUIRE(cuMemcpyHtoD(pointer, values.data(), count * sizeof(T)));
    }

    ~Buffer()
    {
        if (pointer != 0)
            cuMemFree(pointer);
    }

    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    std::vector<T> values() const
    {
        std::vector<T> result(count);
        REQUIRE(cuMemcpyDtoH(result.data(), pointer, count * sizeof(T)));
        return result;
    }

    CUdeviceptr pointer = 0;
    const size_t count;
};

struct LaunchShape
{
    unsigned blocks = 1;
    unsigned threads = 1;
    unsigned dynamic_shared = 0;
};

template <class... Arguments>
CUresult launch(CUfunction function, LaunchShape shape, Arguments... arguments)
{
    void* parameters[] = {&arguments..., nullptr};
    return cuLaunchKernel(function, shape.blocks, 1, 1, shape.threads, 1, 1, shape.dynamic_shared, nullptr, parameters,
                          nullptr);
}

inline std::string read_text(const std::string& path)
{
    std::ifstream stream(path);
    require(static_cast<bool>(stream), path.c_str());
    return std::string(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
}

}

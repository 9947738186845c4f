// The functions that libnvrtc exports, with the result codes and habits of the real ones.
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "../image.h"
#include "compile_error.h"
#include "driver_settings.h"
#include "module_compiler.h"
#include "options.h"

#define NVRTC_API extern "C" __attribute__((visibility("default")))

namespace
{
using namespace softcuda;
using namespace softcuda::nvrtc;

enum nvrtcResult
{
    NVRTC_SUCCESS = 0,
    NVRTC_ERROR_OUT_OF_MEMORY = 1,
    NVRTC_ERROR_PROGRAM_CREATION_FAILURE = 2,
    NVRTC_ERROR_INVALID_INPUT = 3,
    NVRTC_ERROR_INVALID_PROGRAM = 4,
    NVRTC_ERROR_INVALID_OPTION = 5,
    NVRTC_ERROR_COMPILATION = 6,
    NVRTC_ERROR_BUILTIN_OPERATION_FAILURE = 7,
    NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION = 8,
    NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION = 9,
    NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID = 10,
    NVRTC_ERROR_INTERNAL_ERROR = 11,
};

constexpr const char* result_names[] = {
    "NVRTC_SUCCESS",
    "NVRTC_ERROR_OUT_OF_MEMORY",
    "NVRTC_ERROR_PROGRAM_CREATION_FAILURE",
    "NVRTC_ERROR_INVALID_INPUT",
    "NVRTC_ERROR_INVALID_PROGRAM",
    "NVRTC_ERROR_INVALID_OPTION",
    "NVRTC_ERROR_COMPILATION",
    "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE",
    "NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION",
    "NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION",
    "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID",
    "NVRTC_ERROR_INTERNAL_ERROR",
};

struct Program
{
    Source source;
    CompiledModule module;
    bool is_compiled = false;
    // What nvrtcGetCUBIN and nvrtcGetPTX give; one of them is empty.
    std::string cubin;
    std::string ptx;
};

int nvrtc_version()
{
    return std::stoi(driver_setting("NVRTC_VERSION", "13000"));
}

std::vector<int> architectures()
{
    return supported_architectures(std::stoi(driver_setting("NVRTC_NEWEST_ARCH", "121")));
}

void compile(Program& program, const std::vector<std::string>& option_texts)
{
    program.module = {};
    program.cubin.clear();
    program.ptx.clear();
    const Options options = parse_options(option_texts, architectures());
    const bool checked = driver_setting("CHECK", "0") == "1";
    program.module = compile_module(program.source, options, checked);

    Image image;
    image.kind = options.is_real_architecture ? ImageKind::cubin : ImageKind::ptx;
    image.architecture = options.architecture;
    image.toolkit = nvrtc_version();
    image.checked = checked;
    image.object = std::move(program.module.object);
    (options.is_real_architecture ? program.cubin : program.ptx) = write_image(image);
}

// Runs the body of an exported function; no exception may leave it.
template <class Body>
nvrtcResult answer(Body body)
{
    try
    {
        return body();
    }
    catch (const std::bad_alloc&)
    {
        return NVRTC_ERROR_OUT_OF_MEMORY;
    }
    catch (const std::exception&)
    {
        return NVRTC_ERROR_INTERNAL_ERROR;
    }
}

nvrtcResult give_size(Program* program, size_t* size, const std::string& bytes)
{
    if (program == nullptr)
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (size == nullptr)
        return NVRTC_ERROR_INVALID_INPUT;
    *size = bytes.size();
    return NVRTC_SUCCESS;
}

nvrtcResult give_bytes(Program* program, char* target, const std::string& bytes)
{
    if (program == nullptr)
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (target == nullptr || bytes.empty())
        return NVRTC_ERROR_INVALID_INPUT;
    std::memcpy(target, bytes.data(), bytes.size());
    return NVRTC_SUCCESS;
}

}

NVRTC_API const char* nvrtcGetErrorString(nvrtcResult result)
{
    const size_t count = sizeof result_names / sizeof *result_names;
    return static_cast<size_t>(result) < count ? result_names[result] : "NVRTC_ERROR unknown";
}

NVRTC_API nvrtcResult nvrtcVersion(int* major, int* minor)
{
    return answer([&] {
        if (major == nullptr || minor == nullptr)
            return NVRTC_ERROR_INVALID_INPUT;
        *major = nvrtc_version() / 1000;
        *minor = nvrtc_version() % 1000 / 10;
        return NVRTC_SUCCESS;
    });
}

NVRTC_API nvrtcResult nvrtcGetNumSupportedArchs(int* count)
{
    return answer([&] {
        if (count == nullptr)
            return NVRTC_ERROR_INVALID_INPUT;
        *count = static_cast<int>(architectures().size());
        return NVRTC_SUCCESS;
    });
}

NVRTC_API nvrtcResult nvrtcGetSupportedArchs(int* target)
{
    return answer([&] {
        if (target == nullptr)
            return NVRTC_ERROR_INVALID_INPUT;
        for (int architecture : architectures())
            *target++ = architecture;
        return NVRTC_SUCCESS;
    });
}

NVRTC_API nvrtcResult nvrtcCreateProgram(
    Program** program, const char* source, const char* name, int header_count, const char* const* headers,
    const char* const* include_names)
{
    return answer([&] {
        const bool lacks_headers = header_count > 0 && (headers == nullptr || include_names == nullptr);
        if (program == nullptr || source == nullptr || header_count < 0 || lacks_headers)
            return NVRTC_ERROR_INVALID_INPUT;
        auto created = std::make_unique<Program>();
        created->source.name = name != nullptr && *name != '\0' ? name : "default_program";
        created->source.text = source;
        for (int i = 0; i < header_count; i++)
            created->source.headers.emplace_back(include_names[i], headers[i]);
        *program = created.release();
        return NVRTC_SUCCESS;
    });
}

NVRTC_API nvrtcResult nvrtcDestroyProgram(Program** program)
{
    if (program == nullptr || *program == nullptr)
        return NVRTC_ERROR_INVALID_PROGRAM;
    delete *program;
    *program = nullptr;
    return NVRTC_SUCCESS;
}

NVRTC_API nvrtcResult nvrtcAddNameExpression(Program* program, const char* expression)
{
    return answer([&] {
        if (program == nullptr)
            return NVRTC_ERROR_INVALID_PROGRAM;
        if (expression == nullptr)
            return NVRTC_ERROR_INVALID_INPUT;
        if (program->is_compiled)
            return NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION;
        program->source.name_expressions.emplace_back(expression);
        return NVRTC_SUCCESS;
    });
}

NVRTC_API nvrtcResult nvrtcCompileProgram(Program* program, int option_count, const char* const* options)
{
    return answer([&] {
        if (program == nullptr)
            return NVRTC_ERROR_INVALID_PROGRAM;
        if (option_count < 0 || (option_count > 0 && options == nullptr))
            return NVRTC_ERROR_INVALID_INPUT;
        try
        {
            compile(*program, std::vector<std::string>(options, options + option_count));
            program->is_compiled = true;
            return NVRTC_SUCCESS;
        }
        catch (const InvalidOption& error)
        {
            program->module.log = error.what();
            return NVRTC_ERROR_INVALID_OPTION;
        }
        catch (const CompileError& error)
        {
            program->is_compiled = true;
            program->module.log = error.what();
            return NVRTC_ERROR_COMPILATION;
        }
        catch (const std::exception& error)
        {
            program->module.log = std::string("nvrtc: error: ") + error.what() + "\n";
            return NVRTC_ERROR_INTERNAL_ERROR;
        }
    });
}

NVRTC_API nvrtcResult nvrtcGetLoweredName(Program* program, const char* expression, const char** lowered)
{
    return answer([&] {
        if (program == nullptr)
            return NVRTC_ERROR_INVALID_PROGRAM;
        if (expression == nullptr || lowered == nullptr)
            return NVRTC_ERROR_INVALID_INPUT;
        if (!program->is_compiled)
            return NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION;
        const auto found = program->module.lowered_names.find(expression);
        if (found == program->module.lowered_names.end())
            return NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID;
        *lowered = found->second.c_str();
        return NVRTC_SUCCESS;
    });
}

NVRTC_API nvrtcResult nvrtcGetProgramLogSize(Program* program, size_t* size)
{
    if (program == nullptr)
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (size == nullptr)
        return NVRTC_ERROR_INVALID_INPUT;
    *size = program->module.log.size() + 1;
    return NVRTC_SUCCESS;
}

NVRTC_API nvrtcResult nvrtcGetProgramLog(Program* program, char* log)
{
    if (program == nullptr)
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (log == nullptr)
        return NVRTC_ERROR_INVALID_INPUT;
    std::memcpy(log, program->module.log.c_str(), program->module.log.size() + 1);
    return NVRTC_SUCCESS;
}

// The size is 0 where the architecture was a virtual one, as with the real library.
NVRTC_API nvrtcResult nvrtcGetCUBINSize(Program* program, size_t* size)
{
    return give_size(program, size, program != nullptr ? program->cubin : "");
}

NVRTC_API nvrtcResult nvrtcGetCUBIN(Program* program, char* cubin)
{
    return give_bytes(program, cubin, program != nullptr ? program->cubin : "");
}

NVRTC_API nvrtcResult nvrtcGetPTXSize(Program* program, size_t* size)
{
    return give_size(program, size, program != nullptr ? program->ptx : "");
}

NVRTC_API nvrtcResult nvrtcGetPTX(Program* program, char* ptx)
{
    return give_bytes(program, ptx, program != nullptr ? program->ptx : "");
}

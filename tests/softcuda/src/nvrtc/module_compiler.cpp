#include "module_compiler.h"

#include <cctype>
#include <filesystem>

#include "compile_error.h"
#include "compiler_log.h"
#include "files.h"
#include "host_compiler.h"
#include "kernel_scan.h"
#include "module_cache.h"
#include "shared_limit.h"
#include "shim_text.h"

namespace softcuda::nvrtc
{
namespace
{

// Not a name that a header of a program has.
const std::string source_file = "softcuda-source.cu";
const std::string shim_file = "softcuda-shim.h";
const std::string scanned_file = "softcuda-scanned.cpp";
const std::string object_file = "softcuda-module.o";
const std::string module_file = "softcuda-module.so";

void append(std::vector<std::string>& list, const std::vector<std::string>& more)
{
    list.insert(list.end(), more.begin(), more.end());
}

std::string language(const Options& options)
{
    return "-std=c++" + std::to_string(options.language_standard);
}

std::vector<std::string> preprocessor_arguments(const Options& options, bool checked)
{
    std::vector<std::string> arguments = {
        language(options), "-E", "-x", "c++", "-nostdinc", "-nostdinc++",
        "-D__CUDA_ARCH__=" + std::to_string(options.architecture * 10)};
    if (options.fast_math)
        arguments.push_back("-D__USE_FAST_MATH__=1");
    if (checked)
        arguments.push_back("-DSOFTCUDA_CHECKED=1");
    append(arguments, options.preprocessor);
    append(arguments, {"-I.", "-include", shim_file, source_file, "-o", "-"});
    return arguments;
}

// Each function gets a section of its own: the assembler settles calls within a section, and leaves no relocation to tell
// that one function uses another (elf_object.h). Checked modules are not linked with the sanitizer's library: the shim
// holds what the instrumented code calls.
std::vector<std::string> compiler_arguments(const Options& options, bool checked)
{
    std::vector<std::string> arguments = {
        language(options), "-c", "-w", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics",
        "-fno-strict-aliasing", "-fno-stack-protector", "-fno-semantic-interposition", "-fno-gnu-unique",
        "-ffunction-sections", "-fno-math-errno",
        options.contract_multiply_add ? "-ffp-contract=fast" : "-ffp-contract=off"};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        append(arguments, {"-mavx2", "-mfma"});
    if (checked)
    {
        append(arguments, {"-O1", "-g1", "-fsanitize=thread,alignment,bounds,integer-divide-by-zero,shift", "--param",
                           "tsan-instrument-func-entry-exit=0"});
    }
    else
        arguments.push_back("-O2");
    return arguments;
}

const std::vector<std::string> linker_arguments = {
    "-shared", "-nostartfiles", "-nodefaultlibs", "-Wl,-Bsymbolic", "-Wl,-z,defs", "-Wl,--emit-relocs", object_file,
    "-o", module_file, "-lm", "-lc"};

std::string identifier_of(const std::string& expression)
{
    std::string name;
    for (char c : expression)
        name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    return name;
}

// The end of the module's source, where the kernels get the entries of abi.h.
class EntryTable
{
public:
    void add(const std::string& kernel, const std::string& name, const KernelDeclaration* declaration)
    {
        const std::string launch = "softcuda::Launch<(&" + kernel + ")>";
        const bool has_bounds = declaration != nullptr && !declaration->is_template;
        entries += "    {\"" + name + "\", &" + launch + "::run, " + launch + "::count, " + launch + "::sizes, " + launch
            + "::alignments, " + bound(has_bounds ? declaration->max_threads : "") + ", "
            + bound(has_bounds ? declaration->min_blocks : "") + "},\n";
        count++;
    }

    std::string text(bool checked) const
    {
        return "\n# 1 \"softcuda-entries\"\n"
               "static const softcuda::KernelEntry softcuda_kernels[] = {\n"
            + entries
            + "    {nullptr, nullptr, 0, nullptr, nullptr, 0, 0},\n"
              "};\n"
              "extern \"C\" softcuda::ModuleTable softcuda_module = {softcuda::abi_version, "
            + (checked ? "1" : "0")
            + ", &softcuda::runtime, &softcuda::block_state, softcuda_kernels, " + std::to_string(count) + "};\n";
    }

private:
    std::string entries;
    int count = 0;

    static std::string bound(const std::string& expression)
    {
        return expression.empty() ? "0" : "(unsigned)(" + expression + ")";
    }
};

// The kernel that a name expression such as "&scale<float, 4>" instantiates or names.
const KernelDeclaration* declaration_of(const std::vector<KernelDeclaration>& kernels, const std::string& expression)
{
    const std::string name = expression.substr(0, expression.find('<'));
    for (const KernelDeclaration& kernel : kernels)
    {
        if (kernel.name == name)
            return &kernel;
    }

    return nullptr;
}

std::string without_address_sign(const std::string& expression)
{
    const size_t start = expression.find_first_not_of(" &");
    return start == std::string::npos ? "" : expression.substr(start);
}

// Compiles one source in one folder.
class Compilation
{
public:
    Compilation(const Source& a_source, const Options& some_options, bool is_checked) :
        source(a_source), options(some_options), checked(is_checked), compiler(HostCompiler::find())
    {
        for (const std::string& expression : source.name_expressions)
            result.lowered_names[expression] = "_Z" + identifier_of(without_address_sign(expression));
    }

    CompiledModule run()
    {
        const ModuleCache cache = ModuleCache::open();
        const std::string key = ModuleCache::key(all_that_matters());
        result.object = cache.load(key);
        if (!result.object.empty())
            return std::move(result);
        write_sources();
        const ScannedSource scanned = scan_kernels(preprocessed());
        write_file(folder.path() + "/" + scanned_file, scanned.text + entry_table(scanned.kernels));
        compile();
        link();
        cache.store(key, result.object);
        return std::move(result);
    }

private:
    const Source& source;
    const Options& options;
    const bool checked;
    const HostCompiler compiler;
    const TemporaryFolder folder;
    CompiledModule result;

    std::vector<std::string> all_that_matters() const
    {
        std::vector<std::string> texts = {compiler.identity(), shim_text(), source.name, source.text};
        for (const auto& [name, text] : source.headers)
            append(texts, {name, text});
        append(texts, {"--"});
        append(texts, source.name_expressions);
        append(texts, preprocessor_arguments(options, checked));
        append(texts, compiler_arguments(options, checked));
        append(texts, linker_arguments);
        return texts;
    }

    // The source lies above its headers, so that it finds them under their own names only; its own name, which may
    // hold folders, is given by a line marker.
    void write_sources() const
    {
        write_file(folder.path() + "/" + shim_file, shim_text());
        write_file(folder.path() + "/" + source_file, "#line 1 \"" + source.name + "\"\n" + source.text);
        for (const auto& [name, text] : source.headers)
        {
            const std::filesystem::path path = std::filesystem::path(name).lexically_normal();
            if (path.empty() || path.is_absolute() || *path.begin() == "..")
                throw CompileError("nvrtc: error: the software device cannot keep a header named " + name + "\n");
            write_file(folder.path() + "/" + path.string(), text);
        }
    }

    bool run_compiler(const std::vector<std::string>& arguments, std::string& messages) const
    {
        return compiler.run(folder.path(), arguments, messages);
    }

    std::string preprocessed() const
    {
        std::vector<std::string> arguments = preprocessor_arguments(options, checked);
        arguments.back() = "softcuda-preprocessed.ii";
        std::string messages;
        if (!run_compiler(arguments, messages))
            throw CompileError(compiler_log(messages, source.name));
        return read_file(folder.path() + "/" + arguments.back());
    }

    std::string entry_table(const std::vector<KernelDeclaration>& kernels) const
    {
        EntryTable table;
        for (const KernelDeclaration& kernel : kernels)
        {
            if (kernel.has_c_linkage)
                table.add(kernel.name, kernel.name.substr(kernel.name.rfind(':') + 1), &kernel);
        }

        for (const auto& [expression, lowered] : result.lowered_names)
        {
            const std::string kernel = without_address_sign(expression);
            table.add(kernel, lowered, declaration_of(kernels, kernel));
        }

        return table.text(checked);
    }

    void compile() const
    {
        std::vector<std::string> arguments = compiler_arguments(options, checked);
        append(arguments, {scanned_file, "-o", object_file});
        std::string messages;
        if (!run_compiler(arguments, messages))
            throw CompileError(compiler_log(messages, source.name));
    }

    void link()
    {
        std::string messages;
        if (!run_compiler(linker_arguments, messages))
            throw CompileError("ptxas fatal   : " + messages);
        result.object = read_file(folder.path() + "/" + module_file);
        check_static_shared_memory(result.object);
    }
};

}

CompiledModule compile_module(const Source& source, const Options& options, bool checked)
{
    return Compilation(source, options, checked).run();
}

}

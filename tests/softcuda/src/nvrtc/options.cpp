#include "options.h"

#include <algorithm>
#include <cctype>

#include "compile_error.h"

namespace softcuda::nvrtc
{
namespace
{

struct Flag
{
    const char* long_name;
    const char* short_name;
    bool takes_value;
};

// Options that change nothing which the software device could show.
constexpr Flag ignored_flags[] = {
    {"--generate-line-info", "-lineinfo", false},
    {"--device-debug", "-G", false},
    {"--device-as-default-execution-space", "-default-device", false},
    {"--relocatable-device-code", "-rdc", true},
    {"--device-c", "-dc", false},
    {"--device-w", "-dw", false},
    {"--restrict", "-restrict", false},
    {"--extra-device-vectorization", "-extra-device-vectorization", false},
    {"--disable-warnings", "-w", false},
    {"--maxrregcount", "-maxrregcount", true},
    {"--ptxas-options", "-Xptxas", true},
    {"--dopt", "-dopt", true},
    {"--ftz", "-ftz", true},
    {"--prec-sqrt", "-prec-sqrt", true},
    {"--prec-div", "-prec-div", true},
    {"--diag-error", "-diag-error", true},
    {"--diag-suppress", "-diag-suppress", true},
    {"--diag-warn", "-diag-warn", true},
    {"--display-error-number", "-err-no", false},
    {"--no-display-error-number", "-no-err-no", false},
    {"--brief-diagnostics", "-brief-diag", true},
    {"--builtin-move-forward", "-builtin-move-forward", true},
    {"--builtin-initializer-list", "-builtin-initializer-list", true},
    {"--device-int128", "-device-int128", false},
    {"--no-source-include", "-no-source-include", false},
    {"--version-ident", "-version-ident", true},
    {"--modify-stack-limit", "-modify-stack-limit", true},
    {"--split-compile", "-split-compile", true},
    {"--no-cache", "-no-cache", false},
    {"--minimal", "-minimal", false},
};

bool starts_with(const std::string& text, const std::string& start)
{
    return text.compare(0, start.size(), start) == 0;
}

// An option is one string with its value after '=', or two strings; -D, -U and -I take theirs without a sign too.
class Parser
{
public:
    Parser(const std::vector<std::string>& all, const std::vector<int>& known) : options(all), architectures(known)
    {
    }

    Options run()
    {
        result.architecture = default_architecture;
        for (at = 0; at < options.size(); at++)
            read();
        return std::move(result);
    }

private:
    static constexpr int default_architecture = 75;

    const std::vector<std::string>& options;
    const std::vector<int>& architectures;
    size_t at = 0;
    Options result;
    std::string value;

    void read()
    {
        if (takes("--gpu-architecture", "-arch"))
            read_architecture();
        else if (takes("--std", "-std"))
            read_standard();
        else if (takes("--fmad", "-fmad"))
            result.contract_multiply_add = read_switch();
        else if (options[at] == "--use_fast_math" || options[at] == "-use_fast_math")
            result.fast_math = true;
        else if (takes_attached("--define-macro", "-D"))
            result.preprocessor.push_back("-D" + value);
        else if (takes_attached("--undefine-macro", "-U"))
            result.preprocessor.push_back("-U" + value);
        else if (takes_attached("--include-path", "-I"))
            result.preprocessor.push_back("-I" + value);
        else if (!is_ignored())
            throw InvalidOption("nvrtc: error: unrecognized option " + options[at] + " found\n");
    }

    bool takes(const std::string& long_name, const std::string& short_name)
    {
        for (const std::string& name : {long_name, short_name})
        {
            if (starts_with(options[at], name + "="))
            {
                value = options[at].substr(name.size() + 1);
                return true;
            }

            if (options[at] != name)
                continue;
            if (at + 1 == options.size())
                throw InvalidOption("nvrtc: error: missing value for option " + name + "\n");
            value = options[++at];
            return true;
        }

        return false;
    }

    bool takes_attached(const std::string& long_name, const std::string& letter)
    {
        if (takes(long_name, letter))
            return true;
        if (!starts_with(options[at], letter) || options[at].size() == letter.size())
            return false;
        value = options[at].substr(letter.size());
        return true;
    }

    bool is_ignored()
    {
        for (const Flag& flag : ignored_flags)
        {
            if (flag.takes_value ? takes(flag.long_name, flag.short_name)
                                 : options[at] == flag.long_name || options[at] == flag.short_name)
                return true;
        }

        return false;
    }

    [[noreturn]] void refuse(const std::string& option) const
    {
        throw InvalidOption("nvrtc: error: invalid value for " + option + "\n");
    }

    // sm_90, compute_90, sm_90a.
    void read_architecture()
    {
        const std::string option = "--gpu-architecture (-arch)";
        const bool is_real = starts_with(value, "sm_");
        if (!is_real && !starts_with(value, "compute_"))
            refuse(option);
        std::string number = value.substr(value.find('_') + 1);
        if (!number.empty() && (number.back() == 'a' || number.back() == 'f'))
            number.pop_back();
        if (number.empty() || number.size() > 3 || !std::all_of(number.begin(), number.end(), ::isdigit))
            refuse(option);
        const int architecture = std::stoi(number);
        if (std::find(architectures.begin(), architectures.end(), architecture) == architectures.end())
            refuse(option);
        result.architecture = architecture;
        result.is_real_architecture = is_real;
    }

    void read_standard()
    {
        if (value == "c++11" || value == "c++14")
            result.language_standard = 17;  // The shim needs C++17, which takes what these take.
        else if (value == "c++17" || value == "c++20")
            result.language_standard = std::stoi(value.substr(3));
        else
            refuse("--std (-std)");
    }

    bool read_switch()
    {
        if (value != "true" && value != "false")
            refuse(options[at]);
        return value == "true";
    }
};

}

Options parse_options(const std::vector<std::string>& options, const std::vector<int>& architectures)
{
    return Parser(options, architectures).run();
}

std::vector<int> supported_architectures(int newest_architecture)
{
    std::vector<int> all = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};
    all.erase(std::remove_if(all.begin(), all.end(), [=](int one) { return one > newest_architecture; }), all.end());
    return all;
}

}

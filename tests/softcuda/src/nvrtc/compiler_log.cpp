#include "compiler_log.h"

#include <regex>
#include <sstream>

namespace softcuda::nvrtc
{

std::string compiler_log(const std::string& messages, const std::string& source_name)
{
    static const std::regex located(R"(^(?:\./)?(.+?):(\d+):(?:\d+:)? (fatal error|error|note): (.*)$)");
    std::string log;
    int errors = 0;
    std::istringstream lines(messages);
    for (std::string line; std::getline(lines, line);)
    {
        std::smatch parts;
        if (!std::regex_match(line, parts, located))
        {
            log += line + "\n";
            continue;
        }

        const bool is_fatal = parts[3] == "fatal error";
        errors += is_fatal || parts[3] == "error";
        log += parts[1].str() + "(" + parts[2].str() + "): " + (is_fatal ? "catastrophic error" : parts[3].str()) + ": "
            + parts[4].str() + "\n";
    }

    return log + "\n" + std::to_string(errors) + (errors == 1 ? " error" : " errors")
        + " detected in the compilation of \"" + source_name + "\".\n";
}

}

#include "report.h"

#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "settings.h"

namespace softcuda
{
namespace
{
// A loop that faults at every launch must not fill the memory.
constexpr size_t longest_report = 1 << 20;

struct Report
{
    std::mutex mutex;
    std::string text;
    std::string last_kernel = "none";
};

Report& instance()
{
    static Report* report = new Report;  // never destroyed: other threads may still report while the process ends
    return *report;
}

// A test runner may keep a program's stderr to itself; a file is there for all.
void append_to_file(const std::string& line)
{
    std::string path;
    get_setting("REPORT", path);
    if (FILE* file = path.empty() ? nullptr : std::fopen(path.c_str(), "ae"))
    {
        std::fprintf(file, "%s\n", line.c_str());
        std::fclose(file);
    }
}
}

std::string format(const char* pattern, ...)
{
    va_list arguments;
    va_start(arguments, pattern);
    va_list again;
    va_copy(again, arguments);
    int length = std::vsnprintf(nullptr, 0, pattern, arguments);
    va_end(arguments);
    std::string text(static_cast<size_t>(length), '\0');
    std::vsnprintf(text.data(), text.size() + 1, pattern, again);
    va_end(again);
    return text;
}

void report(const std::string& line)
{
    append_to_file(line);
    if (!settings().quiet)
    {
        std::fprintf(stderr, "softcuda: %s\n", line.c_str());
    }
    std::lock_guard lock(instance().mutex);
    if (instance().text.size() < longest_report)
    {
        instance().text += line;
        instance().text += '\n';
    }
}

void note_last_kernel(const std::string& name)
{
    std::lock_guard lock(instance().mutex);
    instance().last_kernel = name;
}

std::string last_kernel()
{
    std::lock_guard lock(instance().mutex);
    return instance().last_kernel;
}

std::string report_text()
{
    std::lock_guard lock(instance().mutex);
    return instance().text;
}

void clear_report()
{
    std::lock_guard lock(instance().mutex);
    instance().text.clear();
}
}

// Faults found so far, as text: what softcuda_report hands out.
#pragma once
#include <string>

namespace softcuda
{
// printf into a string.
std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));

// Adds a line to the report, and to stderr unless QUIET=1.
void report(const std::string& line);

// Remembers which kernel ran last, for faults that show only later.
void note_last_kernel(const std::string& name);
std::string last_kernel();

std::string report_text();
void clear_report();
}

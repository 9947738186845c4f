// The functions of exports.h.
#include "exports.h"

#include "counters.h"
#include "driver_call.h"
#include "memory.h"
#include "report.h"

using namespace softcuda;

namespace
{
long live_contexts()
{
    long count = 0;
    for (const auto& [device, context] : Driver::instance().primary_contexts)
    {
        count += context->alive;
    }
    auto living_secondary = [&count](const Context& context)
    {
        count += !context.primary && context.alive;
        return false;
    };
    Driver::instance().contexts.find_if(living_secondary);
    return count;
}

long count_of(const std::string& what)
{
    Driver& driver = Driver::instance();
    Memory& memory = Memory::instance();
    if (what == "contexts") return live_contexts();
    if (what == "streams") return static_cast<long>(driver.streams.size());
    if (what == "events") return static_cast<long>(driver.events.size());
    if (what == "modules") return static_cast<long>(driver.modules.size());
    if (what == "graphs") return static_cast<long>(driver.graphs.size());
    if (what == "graph_execs") return static_cast<long>(driver.graph_execs.size());
    if (what == "allocations") return static_cast<long>(memory.allocation_count());
    if (what == "bytes") return static_cast<long>(memory.allocated_bytes());
    if (what == "pinned") return static_cast<long>(memory.pinned_count());
    if (what == "launches") return counters().launches;
    if (what == "copies") return counters().copies;
    if (what == "synchronizes") return counters().synchronizes;
    if (what == "allocs") return counters().allocs;
    if (what == "bytes_read") return counters().bytes_read;
    if (what == "bytes_written") return counters().bytes_written;
    return -1;
}

// Work of another library, with what it needs released when the last copy of the operation goes.
class ForeignWork
{
public:
    ForeignWork(int (*work)(void*), void (*release)(void*), void* data) : work_(work), release_(release), data_(data) {}
    ~ForeignWork()
    {
        if (release_ != nullptr)
        {
            release_(data_);
        }
    }
    ForeignWork(const ForeignWork&) = delete;
    ForeignWork& operator=(const ForeignWork&) = delete;

    Result run() const { return static_cast<Result>(work_(data_)); }

private:
    int (*work_)(void*);
    void (*release_)(void*);
    void* data_;
};
}

int softcuda_set(const char* key, const char* value)
{
    return key != nullptr && value != nullptr && set_setting(key, value) ? 1 : 0;
}

const char* softcuda_setting(const char* key)
{
    static thread_local std::string value;
    return key != nullptr && get_setting(key, value) ? value.c_str() : nullptr;
}

const char* softcuda_report(void)
{
    static thread_local std::string text;
    text = report_text();
    return text.c_str();
}

void softcuda_clear_report(void)
{
    clear_report();
}

void softcuda_add_report(const char* line)
{
    report(line);
}

long softcuda_count(const char* what)
{
    Lock lock(Driver::instance().mutex);
    return what != nullptr ? count_of(what) : -1;
}

int softcuda_enqueue(void* stream, int (*work)(void* data), void (*release)(void* data), void* data, const char*)
{
    auto foreign = std::make_shared<ForeignWork>(work, release, data);
    return context_call([&](Context& context, Lock& lock)
                        { return submit(context, stream, [foreign] { return foreign->run(); }, lock); });
}

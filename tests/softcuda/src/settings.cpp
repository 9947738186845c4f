#include "settings.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

#include "cuda_types.h"

namespace softcuda
{
namespace
{
// Keys whose value is kept as text: for get_setting, and for NVRTC, which asks through softcuda_setting.
constexpr const char* text_keys[] = {"NVRTC_VERSION", "NVRTC_NEWEST_ARCH", "CACHE", "REPORT"};

constexpr const char* all_keys[] = {"ORDER",         "SEED",       "DEFER",      "CHECK",          "MEMORY",
                                    "DEVICES",       "CAPABILITY", "THREADS",    "DRIVER_VERSION", "TIMEOUT",
                                    "QUIET",         "CACHE",      "FAIL_ALLOC", "FAIL_LAUNCH",    "NVRTC_VERSION",
                                    "NVRTC_NEWEST_ARCH", "REPORT"};

struct Texts
{
    std::mutex mutex;
    std::map<std::string, std::string> values;
};

Texts& texts()
{
    static Texts instance;
    return instance;
}

bool parse_number(const std::string& text, long long low, long long high, long long& number)
{
    char* end = nullptr;
    number = std::strtoll(text.c_str(), &end, 10);
    return !text.empty() && *end == '\0' && number >= low && number <= high;
}

template <typename T>
bool set_number(std::atomic<T>& field, const std::string& text, long long low, long long high)
{
    long long number;
    if (!parse_number(text, low, high, number))
    {
        return false;
    }
    field = static_cast<T>(number);
    return true;
}

bool set_flag(std::atomic<bool>& field, const std::string& text)
{
    field = text == "1" || (text != "0" && field);
    return text == "0" || text == "1";
}

bool set_order(const std::string& text)
{
    constexpr const char* names[] = {"ascending", "descending", "shuffled"};
    for (int i = 0; i < 3; i++)
    {
        if (text == names[i])
        {
            settings().order = static_cast<Order>(i);
            return true;
        }
    }
    return false;
}

// "device,n,error", or "" for none.
bool set_fail_launch(const std::string& text)
{
    int device = -1;
    long countdown = 0;
    int result = 0;
    char rest;
    if (!text.empty() && (std::sscanf(text.c_str(), "%d,%ld,%d%c", &device, &countdown, &result, &rest) != 3 ||
                          device < 0 || countdown < 1 || result < 1))
    {
        return false;
    }
    settings().fail_launch_result = result;
    settings().fail_launch_countdown = countdown;
    settings().fail_launch_device = device;
    return true;
}

bool known(const std::string& key)
{
    return std::find(std::begin(all_keys), std::end(all_keys), key) != std::end(all_keys);
}

bool apply(const std::string& key, const std::string& value)
{
    Settings& s = settings();
    if (key == "ORDER") return set_order(value);
    if (key == "SEED") return set_number(s.seed, value, 0, INT64_MAX);
    if (key == "DEFER") return set_flag(s.defer, value);
    if (key == "CHECK") return set_flag(s.check, value);
    if (key == "QUIET") return set_flag(s.quiet, value);
    if (key == "MEMORY") return set_number(s.memory, value, 1, 1ll << 40);
    if (key == "DEVICES") return set_number(s.devices, value, 0, 16);
    if (key == "CAPABILITY") return set_number(s.capability, value, 10, 999);
    if (key == "DRIVER_VERSION") return set_number(s.driver_version, value, 1000, 99999);
    if (key == "THREADS") return set_number(s.threads, value, 1, 256);
    if (key == "TIMEOUT") return set_number(s.timeout, value, 1, 86400);
    if (key == "FAIL_LAUNCH") return set_fail_launch(value);
    if (key == "FAIL_ALLOC") return set_number(s.fail_alloc_countdown, value, 0, INT64_MAX);
    return std::find(std::begin(text_keys), std::end(text_keys), key) != std::end(text_keys);
}

std::string default_text(const std::string& key)
{
    Settings& s = settings();
    constexpr const char* orders[] = {"ascending", "descending", "shuffled"};
    if (key == "ORDER") return orders[static_cast<int>(s.order.load())];
    if (key == "SEED") return std::to_string(s.seed);
    if (key == "DEFER") return s.defer ? "1" : "0";
    if (key == "CHECK") return s.check ? "1" : "0";
    if (key == "QUIET") return s.quiet ? "1" : "0";
    if (key == "MEMORY") return std::to_string(s.memory);
    if (key == "DEVICES") return std::to_string(s.devices);
    if (key == "CAPABILITY") return std::to_string(s.capability);
    if (key == "DRIVER_VERSION") return std::to_string(s.driver_version);
    if (key == "THREADS") return std::to_string(s.threads);
    if (key == "TIMEOUT") return std::to_string(s.timeout);
    return "";
}

// An environment that cannot be understood would silently run another test than the one asked for.
void read_environment()
{
    for (const char* key : all_keys)
    {
        const char* value = std::getenv((std::string("SOFTCUDA_") + key).c_str());
        if (value != nullptr && !set_setting(key, value))
        {
            std::fprintf(stderr, "softcuda: SOFTCUDA_%s cannot be \"%s\"\n", key, value);
            std::abort();
        }
    }
}

Settings& instance()
{
    static Settings* all = []
    {
        // Never destroyed: kernels of other threads may still run while the process ends.
        Settings* fresh = new Settings;
        fresh->threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
        return fresh;
    }();
    return *all;
}
}

Settings& settings()
{
    Settings& all = instance();
    static std::once_flag read;
    static thread_local bool reading = false;
    if (!reading)
    {
        reading = true;
        std::call_once(read, read_environment);
        reading = false;
    }
    return all;
}

bool set_setting(const std::string& key, const std::string& value)
{
    if (!known(key) || !apply(key, value))
    {
        return false;
    }
    std::lock_guard lock(texts().mutex);
    texts().values[key] = value;
    return true;
}

bool get_setting(const std::string& key, std::string& value)
{
    settings();
    if (!known(key))
    {
        return false;
    }
    std::lock_guard lock(texts().mutex);
    auto found = texts().values.find(key);
    value = found != texts().values.end() ? found->second : default_text(key);
    return true;
}

int take_launch_failure(int device)
{
    Settings& s = settings();
    if (s.fail_launch_device != device || s.fail_launch_countdown <= 0)
    {
        return 0;
    }
    return --s.fail_launch_countdown == 0 ? s.fail_launch_result.load() : 0;
}

bool take_alloc_failure()
{
    Settings& s = settings();
    return s.fail_alloc_countdown > 0 && --s.fail_alloc_countdown == 0;
}
}

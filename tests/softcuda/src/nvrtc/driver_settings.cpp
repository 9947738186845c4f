#include "driver_settings.h"

#include <dlfcn.h>

#include <cstdlib>

namespace softcuda::nvrtc
{
namespace
{

using SettingFunction = const char* (*)(const char*);

// The compiler works without the driver, as the real one does, so that it may not be linked with it.
SettingFunction find_setting_function()
{
    void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (driver == nullptr)
        return nullptr;
    const auto function = reinterpret_cast<SettingFunction>(dlsym(driver, "softcuda_setting"));
    dlclose(driver);
    return function;
}

}

std::string driver_setting(const char* key, const std::string& default_value)
{
    const SettingFunction setting = find_setting_function();
    const char* value = setting != nullptr ? setting(key) : std::getenv((std::string("SOFTCUDA_") + key).c_str());
    return value != nullptr && *value != '\0' ? value : default_value;
}

}

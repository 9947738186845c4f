#include "module_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "driver_settings.h"
#include "files.h"

namespace softcuda::nvrtc
{
namespace
{

// Modules are run as they are read: a folder that others may write is none to read them from.
bool is_private(const std::string& folder)
{
    struct stat status{};
    return lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid()
        && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool make_private(const std::string& folder)
{
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
    return mkdir(folder.c_str(), 0700) == 0 || is_private(folder);
}

constexpr size_t key_length = 32;

// FNV-1a of 128 bits.
unsigned __int128 hash_of(const std::vector<std::string>& texts)
{
    const unsigned __int128 prime = (static_cast<unsigned __int128>(1) << 88) + 0x13b;
    unsigned __int128 hash = (static_cast<unsigned __int128>(0x6c62272e07bb0142ull) << 64) + 0x62b821756295c58dull;
    for (const std::string& text : texts)
    {
        for (unsigned char byte : text + '\0' + std::to_string(text.size()))
            hash = (hash ^ byte) * prime;
    }

    return hash;
}

}

ModuleCache ModuleCache::open()
{
    ModuleCache cache;
    const std::string setting = driver_setting("CACHE", "");
    if (setting == "off")
        return cache;
    const std::string folder =
        setting.empty() ? temporary_root() + "/softcuda-cache-" + std::to_string(geteuid()) : setting;
    if (make_private(folder))
        cache.folder = folder;
    return cache;
}

std::string ModuleCache::key(const std::vector<std::string>& texts)
{
    const unsigned __int128 hash = hash_of(texts);
    char digits[key_length + 1];
    std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(hash >> 64),
                  static_cast<unsigned long long>(hash));
    return digits;
}

std::string ModuleCache::file_of(const std::string& key) const
{
    return folder + "/" + key + ".module";
}

std::string ModuleCache::load(const std::string& key) const
{
    if (folder.empty())
        return "";
    const std::string entry = read_file(file_of(key));
    if (entry.size() <= key_length)
        return "";
    const std::string object = entry.substr(key_length);
    return entry.compare(0, key_length, ModuleCache::key({object})) == 0 ? object : "";
}

void ModuleCache::store(const std::string& key, const std::string& object) const
{
    if (folder.empty())
        return;
    static std::atomic<int> count{0};
    const std::string beside = file_of(key) + "." + std::to_string(getpid()) + "." + std::to_string(count++);
    std::error_code error;
    try
    {
        write_file(beside, ModuleCache::key({object}) + object);
        std::filesystem::rename(beside, file_of(key), error);
    }
    catch (const std::system_error& failure)
    {
        error = failure.code();
    }

    if (error)
        std::filesystem::remove(beside, error);
}

}

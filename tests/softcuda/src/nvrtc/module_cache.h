// Compiled modules on disk, so that a test suite compiles each kernel once.
#pragma once

#include <string>
#include <vector>

namespace softcuda::nvrtc
{

class ModuleCache
{
public:
    // Of the folder that the key CACHE names; off where it says so or where the folder is not this user's alone.
    static ModuleCache open();

    // A name for what is compiled from these texts in this order.
    static std::string key(const std::vector<std::string>& texts);

    // The shared object stored under this key; empty where there is none or it is damaged.
    std::string load(const std::string& key) const;

    // Other processes see the whole entry or none. A full disk only costs the entry.
    void store(const std::string& key, const std::string& object) const;

private:
    std::string folder;

    std::string file_of(const std::string& key) const;
};

}

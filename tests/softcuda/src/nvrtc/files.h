// Files and folders, with errors as exceptions.
#pragma once

#include <string>

namespace softcuda::nvrtc
{

// A new folder that goes, with all that is in it, when this object goes.
class TemporaryFolder
{
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::string& path() const
    {
        return folder;
    }

private:
    std::string folder;
};

// TMPDIR, or /tmp.
std::string temporary_root();

// Empty where there is no such file.
std::string read_file(const std::string& path);

// Throws std::system_error. Folders of the path are made.
void write_file(const std::string& path, const std::string& content);

}

#include "host_compiler.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <system_error>

#include "compile_error.h"
#include "files.h"

extern char** environ;

namespace softcuda::nvrtc
{
namespace
{

std::string find_program(const std::string& name)
{
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');)
    {
        const std::string file = folder + "/" + name;
        if (access(file.c_str(), X_OK) == 0)
            return file;
    }

    return "";
}

std::string identity_of(const std::string& path)
{
    char resolved[PATH_MAX];
    struct stat status{};
    if (realpath(path.c_str(), resolved) == nullptr || stat(resolved, &status) != 0)
        return path;
    return std::string(resolved) + " " + std::to_string(status.st_size) + " " + std::to_string(status.st_mtime);
}

// The environment, but for messages in English.
std::vector<char*> english_environment()
{
    static char english[] = "LC_ALL=C";
    std::vector<char*> result;
    for (char** entry = environ; *entry != nullptr; entry++)
    {
        if (std::strncmp(*entry, "LC_ALL=", 7) != 0)
            result.push_back(*entry);
    }

    result.push_back(english);
    result.push_back(nullptr);
    return result;
}

// The messages go to a file of the folder, which needs no reading while the compiler runs.
class SpawnActions
{
public:
    SpawnActions(const std::string& folder, const std::string& output)
    {
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
        posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
    }

    ~SpawnActions()
    {
        posix_spawn_file_actions_destroy(&actions);
    }

    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;

    posix_spawn_file_actions_t actions;
};

int wait_for(pid_t process)
{
    int status = 0;
    while (waitpid(process, &status, 0) < 0)
    {
        if (errno != EINTR)
            throw std::system_error(errno, std::generic_category(), "cannot wait for the host compiler");
    }

    return status;
}

}

HostCompiler HostCompiler::find()
{
    HostCompiler compiler;
    compiler.path = find_program("g++");
    if (compiler.path.empty())
        compiler.path = find_program("c++");
    if (compiler.path.empty())
        throw CompileError(
            "nvrtc: error: the software device compiles kernels with g++, and PATH finds neither g++ nor c++\n");
    compiler.file_identity = identity_of(compiler.path);
    return compiler;
}

bool HostCompiler::run(
    const std::string& folder, const std::vector<std::string>& arguments, std::string& messages) const
{
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);

    const std::string output = folder + "/messages";
    const SpawnActions spawn(folder, output);
    std::vector<char*> environment = english_environment();
    pid_t process = 0;
    const int error = posix_spawn(&process, path.c_str(), &spawn.actions, nullptr, argv.data(), environment.data());
    if (error != 0)
        throw std::system_error(error, std::generic_category(), "cannot start " + path);
    const int status = wait_for(process);
    messages += read_file(output);
    if (WIFSIGNALED(status))
        messages += "nvrtc: error: " + path + " was ended by signal " + std::to_string(WTERMSIG(status)) + "\n";
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}

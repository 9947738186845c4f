// Stands before libc (LD_PRELOAD), and notes what a process does to the files below a folder, in the order of its calls.
//
//   FILE_CALLS_UNDER  the folder, an absolute path
//   FILE_CALLS_LOG    the file that takes a line for each call: kind, path and, of a rename, the new path, parted by tabs
//   FILE_CALLS_CRASH  n: the process ends in place of its n-th call, counted from 1, with nothing tidied up
//
// Kinds: make (a folder), create, write, flush, rename, delete. Paths hold neither tabs nor line ends.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define CRASHED 137

// What libc calls so.
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_below(const char *path)
{
    const char *folder = getenv("FILE_CALLS_UNDER");
    size_t length = folder ? strlen(folder) : 0;
    return length > 0 && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static void note(const char *kind, const char *path, const char *target)
{
    static int calls;
    int before = errno;
    if (is_below(path)) {
        const char *crash = getenv("FILE_CALLS_CRASH");
        if (__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == (crash ? atoi(crash) : 0))
            syscall(SYS_exit_group, CRASHED);
        char line[3 * PATH_MAX];
        int length = snprintf(line, sizeof line, "%s\t%s%s%s\n", kind, path, target ? "\t" : "", target ? target : "");
        // In one piece, for threads write at once; and by number, for libc's write comes by here.
        long log = syscall(SYS_openat, AT_FDCWD, getenv("FILE_CALLS_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log < 0 || syscall(SYS_write, (int)log, line, (size_t)length) != length)
            abort();
        syscall(SYS_close, (int)log);
    }
    errno = before;
}

static void note_at(const char *kind, int folder, const char *path, int folder2, const char *target)
{
    char full[2][2 * PATH_MAX];
    const char *paths[2] = { path, target };
    int folders[2] = { folder, folder2 };
    for (int i = 0; i < 2 && paths[i]; i++) {
        char from[64], base[PATH_MAX];
        snprintf(from, sizeof from, folders[i] == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folders[i]);
        ssize_t length = readlink(from, base, sizeof base - 1);
        base[length < 0 ? 0 : length] = 0;
        snprintf(full[i], sizeof full[i], "%s%s%s", paths[i][0] == '/' ? "" : base, paths[i][0] == '/' ? "" : "/", paths[i]);
    }
    note(kind, full[0], target ? full[1] : NULL);
}

static void note_open(const char *kind, int file)
{
    char from[64], path[PATH_MAX];
    snprintf(from, sizeof from, "/proc/self/fd/%d", file);
    ssize_t length = readlink(from, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    note(kind, path, NULL);
}

#define OPEN(name)                                                        \
    int name(const char *path, int flags, ...)                            \
    {                                                                     \
        va_list rest;                                                     \
        va_start(rest, flags);                                            \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;         \
        va_end(rest);                                                     \
        if ((flags & O_CREAT) && access(path, F_OK) != 0)                 \
            note_at("create", AT_FDCWD, path, AT_FDCWD, NULL);            \
        return REAL(name)(path, flags, mode);                             \
    }

OPEN(open)
OPEN(open64)

ssize_t write(int file, const void *bytes, size_t count)
{
    note_open("write", file);
    return REAL(write)(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset)
{
    note_open("write", file);
    return REAL(pwrite)(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset)
{
    note_open("write", file);
    return REAL(pwrite64)(file, bytes, count, offset);
}

ssize_t pwritev64(int file, const struct iovec *pieces, int count, off64_t offset)
{
    note_open("write", file);
    return REAL(pwritev64)(file, pieces, count, offset);
}

int ftruncate64(int file, off64_t length)
{
    note_open("write", file);
    return REAL(ftruncate64)(file, length);
}

int fsync(int file)
{
    note_open("flush", file);
    return REAL(fsync)(file);
}

int fdatasync(int file)
{
    note_open("flush", file);
    return REAL(fdatasync)(file);
}

int rename(const char *path, const char *target)
{
    note_at("rename", AT_FDCWD, path, AT_FDCWD, target);
    return REAL(rename)(path, target);
}

int renameat(int folder, const char *path, int folder2, const char *target)
{
    note_at("rename", folder, path, folder2, target);
    return REAL(renameat)(folder, path, folder2, target);
}

int link(const char *path, const char *target)
{
    note_at("rename", AT_FDCWD, path, AT_FDCWD, target);
    return REAL(link)(path, target);
}

int unlink(const char *path)
{
    note_at("delete", AT_FDCWD, path, AT_FDCWD, NULL);
    return REAL(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    note_at("delete", folder, path, AT_FDCWD, NULL);
    return REAL(unlinkat)(folder, path, flags);
}

int rmdir(const char *path)
{
    note_at("delete", AT_FDCWD, path, AT_FDCWD, NULL);
    return REAL(rmdir)(path);
}

int mkdir(const char *path, mode_t mode)
{
    if (access(path, F_OK) != 0)
        note_at("make", AT_FDCWD, path, AT_FDCWD, NULL);
    return REAL(mkdir)(path, mode);
}

// System calls that the C library of the oldest supported distribution does not wrap, and that Swift cannot reach,
// because syscall(2) is variadic. Used by Workspaces only.
#ifndef CLINUX_OPENAT2_H
#define CLINUX_OPENAT2_H

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// The numbers are the same on every architecture (include/uapi/asm-generic/unistd.h).
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_memfd_create
#error "memfd_create(2) is needed"
#endif

// glibc declares these two only with _GNU_SOURCE, which is too late to define here.
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *__restrict actions, const char *__restrict path);

/// POSIX_SPAWN_SETSID, which the C library hides without _GNU_SOURCE.
enum { CLINUX_SPAWN_NEW_SESSION = 0x80 };

static inline int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int from) {
    return posix_spawn_file_actions_addclosefrom_np(actions, from);
}

static inline int clinux_spawn_directory(posix_spawn_file_actions_t *actions, const char *path) {
    return posix_spawn_file_actions_addchdir_np(actions, path);
}

// prlimit64(2): sets both the soft and the hard limit of another process.
static inline int clinux_limit(int process, int resource, uint64_t value) {
    struct {
        uint64_t soft;
        uint64_t hard;
    } limit = {value, value};
    return (int)syscall(SYS_prlimit64, process, resource, &limit, (void *)0);
}

// openat2(2), with the resolve flags RESOLVE_BENEATH (0x08), RESOLVE_NO_SYMLINKS (0x04) and RESOLVE_NO_MAGICLINKS
// (0x02): no link is followed on the way, the last component included, and nothing above `directory` is reached.
static inline int clinux_open_beneath(int directory, const char *path, uint64_t flags, uint64_t mode) {
    struct {
        uint64_t flags;
        uint64_t mode;
        uint64_t resolve;
    } how = {flags | O_CLOEXEC, mode, 0x08 | 0x04 | 0x02};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

// pidfd_open(2): a descriptor that becomes readable when the process ends.
static inline int clinux_pidfd_open(int process) {
    return (int)syscall(SYS_pidfd_open, process, 0);
}

// pipe2(2) with O_CLOEXEC.
static inline int clinux_pipe(int *ends) {
    return (int)syscall(SYS_pipe2, ends, O_CLOEXEC);
}

// memfd_create(2) with MFD_CLOEXEC: a file without a name.
static inline int clinux_memory_file(const char *name) {
    return (int)syscall(SYS_memfd_create, name, 1U);
}

// The same with MFD_ALLOW_SEALING, `size` bytes long and sealed (F_SEAL_SEAL, F_SEAL_GROW, fcntl(2)): whoever it is handed to
// can fill it, but cannot make it larger.
static inline int clinux_bounded_memory_file(const char *name, int64_t size) {
    int file = (int)syscall(SYS_memfd_create, name, 1U | 2U);
    if (file < 0) return -1;
    if (ftruncate(file, (off_t)size) != 0 || fcntl(file, 1024 + 9, 0x1 | 0x4) != 0) {
        int failure = errno;
        close(file);
        errno = failure;
        return -1;
    }
    return file;
}

#endif

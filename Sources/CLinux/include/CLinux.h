// The system calls and macros that Swift cannot spell: variadic syscall(2), fork(2), CMSG_* and newer kernel
// interfaces without a C library wrapper. No logic beyond what must run between clone and exec.
#ifndef CLINUX_H
#define CLINUX_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// --- GNU extensions, under names of our own ---

/// O_PATH, AT_EMPTY_PATH and RENAME_NOREPLACE, which the C library hides without _GNU_SOURCE.
enum {
    COOP_O_PATH = 010000000,
    COOP_AT_EMPTY_PATH = 0x1000,
    COOP_RENAME_NOREPLACE = 1,
};
static inline int coop_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }
static inline int coop_dup3(int from, int to, int flags) { return (int)syscall(SYS_dup3, from, to, flags); }
static inline int coop_renameat2(int from, const char *old_name, int to, const char *new_name, unsigned flags) {
    return (int)syscall(SYS_renameat2, from, old_name, to, new_name, flags);
}
/// sendfile(2) from a place of its own in `from`, which moves along.
static inline ssize_t coop_sendfile(int to, int from, int64_t *place, size_t count) {
    return (ssize_t)syscall(SYS_sendfile, to, from, place, count);
}
/// eventfd(2), close-on-exec; read(2) does not wait when `nonblocking` is set.
static inline int coop_eventfd(int nonblocking) {
    return (int)syscall(SYS_eventfd2, 0u, O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0));
}
/// A non-blocking signalfd(2) for the signals in `mask`.
int coop_signalfd(const sigset_t *mask);

// --- files ---

/// What tells a file from every other one that was or will be on its file system (statx(2)).
struct coop_file_identity {
    uint32_t device_major, device_minor;
    uint64_t inode;
    int64_t born_seconds;        // when it was made
    uint32_t born_nanoseconds;
};
/// The identity of an open file. -1 with ENODATA where the file system does not keep the time of birth: a number of an inode alone is
/// used again.
int coop_file_identity(int descriptor, struct coop_file_identity *identity);
/// The same for a name in a directory, links not followed.
int coop_file_identity_at(int directory, const char *name, struct coop_file_identity *identity);

// --- processes ---

/// fork(2). Only for a process with one thread: the child may then go on in Swift.
static inline pid_t coop_fork(void) { return fork(); }

/// The identity that a new process takes on, sent to it once the maps of its user namespace are written.
struct coop_identity {
    uint32_t uid;                // inside the namespace
    uint32_t gid;
    uint32_t drop_groups;        // setgroups(0)
};

/// What coop_spawn needs. Everything is prepared by the parent: the child must not allocate.
struct coop_spawn {
    uint64_t clone_flags;        // CLONE_NEW* of the new process
    int unshare_flags;           // CLONE_NEW* that it makes itself, while its parent goes on
    int cgroup;                  // directory of a cgroup v2 to be born in, or -1
    int channel;                 // becomes descriptor 3 of the new program
    int sync;                    // the child reads a coop_identity here before it goes on; end of file: give up
    int sync_writer;             // the parent's end of it, closed in the child: its end is then seen, whatever ends the parent
    const char *program;         // path of the program, executed from a detached read-only mount of its file
    char *const *argv;
    char *const *envp;
};

/// clone3(2) into new namespaces, then execve(2) of the program. Returns the child's pid and sets *pidfd, or -1.
/// On failure after the clone the child writes a `failed` frame to `channel` and exits 125.
pid_t coop_spawn_namespaced(const struct coop_spawn *spawn, int *pidfd);

/// Starts a program, and does not wait until it has become one, as posix_spawn(3) does: with all processors busy that takes
/// milliseconds. `memory`, at least 32 KiB, and the arguments must stay until the process has ended. -1 and errno on failure.
pid_t coop_spawn_tool(const char *program, char *const argv[], char *const envp[], void *memory, size_t size);

static inline int coop_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static inline int coop_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
static inline int coop_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)syscall(SYS_close_range, first, last, flags);
}
static inline int coop_setresuid(uid_t uid) { return (int)syscall(SYS_setresuid, uid, uid, uid); }
static inline int coop_setresgid(gid_t gid) { return (int)syscall(SYS_setresgid, gid, gid, gid); }
static inline int coop_setfsuid(uid_t uid) { return (int)syscall(SYS_setfsuid, uid); }
static inline int coop_setfsgid(gid_t gid) { return (int)syscall(SYS_setfsgid, gid); }
static inline int coop_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}
int coop_wifexited(int status);
int coop_wexitstatus(int status);
int coop_wifsignaled(int status);
int coop_wtermsig(int status);
int coop_wifstopped(int status);
int coop_wstopsig(int status);
int coop_wifcontinued(int status);

/// setrlimit(2) with the resource as a plain number.
int coop_setrlimit(int resource, uint64_t soft, uint64_t hard);
int coop_getrlimit(int resource, uint64_t *soft, uint64_t *hard);

/// All capability sets of this thread to the same 64-bit mask (capset(2), version 3).
static inline int coop_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}

/// Leaves the session keyring that the process was born with for a new, empty one (keyctl(2)).
static inline long coop_new_session_keyring(void) { return syscall(SYS_keyctl, 1, NULL, 0, 0, 0); }

// --- mounts (open_tree(2), move_mount(2), mount_setattr(2), fsopen(2)) ---

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static inline int coop_open_tree(int directory, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, directory, path, flags);
}
static inline int coop_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
    return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}
static inline int coop_mount_setattr(int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear) {
    struct mount_attr attributes = {set, clear, 0, 0};
    return (int)syscall(SYS_mount_setattr, directory, path, flags, &attributes, sizeof(attributes));
}
static inline int coop_fsopen(const char *type) { return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC); }
static inline int coop_fsconfig_string(int context, const char *key, const char *value) {
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}
static inline int coop_fsconfig_flag(int context, const char *key) {
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, key, NULL, 0);
}
static inline int coop_fsconfig_create(int context) {
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}
static inline int coop_fsmount(int context, unsigned attributes) {
    return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
}
static inline int coop_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}
static inline int coop_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {flags, mode, resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

// --- Landlock (landlock(7)) ---

/// The fields of struct landlock_ruleset_attr up to ABI 6, whatever the installed header knows.
struct coop_landlock_ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};
static inline int coop_landlock_abi(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}
static inline int coop_landlock_create(const struct coop_landlock_ruleset *attributes, size_t size) {
    return (int)syscall(SYS_landlock_create_ruleset, attributes, size, 0);
}
static inline int coop_landlock_add_path(int ruleset, uint64_t access, int parent) {
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = parent};
    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}
static inline int coop_landlock_restrict(int ruleset) { return (int)syscall(SYS_landlock_restrict_self, ruleset, 0); }

// --- seccomp (seccomp(2)) ---

static inline int coop_seccomp_install(const void *program, unsigned short count) {
    struct sock_fprog filter = {count, (struct sock_filter *)program};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

// --- sockets and descriptors over them (unix(7), cmsg(3)) ---

#define COOP_MAX_DESCRIPTORS 16

/// sendmsg(2) of bytes with up to COOP_MAX_DESCRIPTORS descriptors.
ssize_t coop_send(int socket, const void *bytes, size_t length, const int *descriptors, int count);

/// recvmsg(2): bytes, and descriptors that came with them (close-on-exec). *truncated is set when some were lost.
ssize_t coop_receive(int socket, void *bytes, size_t length, int *descriptors, int *count, int *truncated);

/// The uid of the process at the other end of a connected unix socket (SO_PEERCRED), or -1.
int coop_peer(int socket, pid_t *pid, uid_t *uid);

/// Binds or connects a unix stream socket at `path`, which must fit sun_path.
int coop_unix_socket(const char *path, int listen_backlog);

/// accept4(2), close-on-exec, without the peer's address.
static inline int coop_accept(int listener) { return (int)syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC); }

/// Brings up the loopback device of this network namespace (netdevice(7)).
int coop_loopback_up(void);

/// A socket to the kernel (netlink(7)) that waits five seconds for an answer at most.
int coop_netlink_open(int protocol);

/// Makes a socket on a port of the loopback address of its family, IPv6 apart from IPv4: listening for `SOCK_STREAM`, bound
/// for `SOCK_DGRAM`. `any` binds every address and does not listen: the port is only taken. Non-blocking.
int coop_loopback_socket(int family, int type, uint16_t port, int any);

/// What a socket is: family, type, whether it listens, and the port it is bound to. -1 when it is none of internet's.
int coop_describe_socket(int number, int *family, int *type, int *listens, uint16_t *port);

/// fgetxattr(2) and flistxattr(2), which no module map of glibc exports.
static inline ssize_t coop_get_attribute(int descriptor, const char *name, void *value, size_t size) {
    return (ssize_t)syscall(SYS_fgetxattr, descriptor, name, value, size);
}
static inline ssize_t coop_list_attributes(int descriptor, char *names, size_t size) {
    return (ssize_t)syscall(SYS_flistxattr, descriptor, names, size);
}

/// A file in memory (memfd_create(2)).
static inline int coop_memory_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1u /* MFD_CLOEXEC */); }

// Unmaps the program's own code and constants; what is used again is mapped again, from the page cache (madvise(2), end(3)).
static inline int coop_return_heap(void) { return malloc_trim(0); }
static inline int coop_unmap_program_text(void) {
    extern char __executable_start[], etext[];
    unsigned long page = 4095, start = (unsigned long)__executable_start & ~page, end = (unsigned long)etext & ~page;
    return madvise((void *)start, end - start, MADV_DONTNEED);
}

static inline int coop_unshare(int flags) { return (int)syscall(SYS_unshare, flags); }

/// Makes a user and mount namespace in a child that ends at once. 0 when the kernel allows it, else its error number.
int coop_try_user_namespace(void);

// --- terminals ---

/// Opens the user end of the pseudoterminal `master` without a path (TIOCGPTPEER, ioctl_tty(2)).
static inline int coop_pty_peer(int master, int flags) { return ioctl(master, TIOCGPTPEER, flags); }
static inline int coop_pty_unlock(int master) {
    int zero = 0;
    return ioctl(master, TIOCSPTLCK, &zero);
}
static inline int coop_get_window(int terminal, unsigned short *rows, unsigned short *columns) {
    struct winsize size;
    if (ioctl(terminal, TIOCGWINSZ, &size) != 0) return -1;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}
static inline int coop_set_window(int terminal, unsigned short rows, unsigned short columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(terminal, TIOCSWINSZ, &size);
}
/// How many bytes typed into the pseudoterminal `master` its user end has not read yet (FIONREAD, ioctl_tty(2)); -1 where that cannot be told.
static inline int coop_pty_unread(int master) {
    int count = -1;
    int peer = coop_pty_peer(master, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (peer < 0) return -1;
    if (ioctl(peer, FIONREAD, &count) != 0) count = -1;
    close(peer);
    return count;
}
static inline int coop_set_controlling_terminal(int terminal) { return ioctl(terminal, TIOCSCTTY, 0); }

#endif

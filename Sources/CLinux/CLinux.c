// Ahead of the header: struct ucred and others are GNU extensions. Not in the header, where it would change the C
// library's own types for whoever imports it.
#define _GNU_SOURCE
#include "CLinux.h"
#include "CLinuxFiles.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

// linux/netfilter_ipv4.h cannot be read beside netinet/in.h.

static void append(unsigned char *frame, size_t *length, const void *bytes, size_t count) {
    memcpy(frame + *length, bytes, count);
    *length += count;
}

/// Reports a failed step as the frame `failed` of the warden protocol: step, subject, errno, reason.
static void give_up(int channel, const char *step) {
    int32_t number = errno;
    uint32_t step_length = (uint32_t)strlen(step), nothing = 0;
    unsigned char frame[128] = {0}, head[2] = {17, 0};
    size_t length = 4;
    append(frame, &length, head, 2);
    append(frame, &length, &step_length, 4);
    append(frame, &length, step, step_length);
    append(frame, &length, &nothing, 4);
    append(frame, &length, &number, 4);
    append(frame, &length, &nothing, 4);
    uint32_t body = (uint32_t)length - 4;
    memcpy(frame, &body, 4);
    // The parent reads end-of-file if even this fails.
    ssize_t ignored = write(channel, frame, length);
    (void)ignored;
    _exit(125);
}

pid_t coop_spawn_namespaced(const struct coop_spawn *spawn, int *pidfd) {
    struct clone_args arguments;
    memset(&arguments, 0, sizeof(arguments));
    arguments.flags = spawn->clone_flags | CLONE_PIDFD;
    arguments.pidfd = (uint64_t)(uintptr_t)pidfd;
    arguments.exit_signal = SIGCHLD;
    if (spawn->cgroup >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)spawn->cgroup;
    }
    pid_t child = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (child != 0) return child;

    // In the child: one thread, copied memory, only system calls until exec.
    // Nothing else that the parent has open is ours, least of all the lock that says that it lives: unsharing a network
    // takes its time, and a killed parent must not seem alive meanwhile.
    int low = spawn->sync < spawn->channel ? spawn->sync : spawn->channel;
    int high = spawn->sync < spawn->channel ? spawn->channel : spawn->sync;
    if ((low > 3 && coop_close_range(3, (unsigned)low - 1, 0) != 0) ||
        (high > low + 1 && coop_close_range((unsigned)low + 1, (unsigned)high - 1, 0) != 0) ||
        coop_close_range((unsigned)high + 1, ~0u, 0) != 0)
        give_up(spawn->channel, "close_range");
    if (spawn->unshare_flags != 0 && unshare(spawn->unshare_flags) != 0) give_up(spawn->channel, "unshare");
    // Opened while still the user, who may be the only one to reach it. The detached read-only mount is not to be reopened
    // for writing through /proc/1/exe (CVE-2019-5736).
    int executable = coop_open_tree(AT_FDCWD, spawn->program, OPEN_TREE_CLONE | O_CLOEXEC);
    if (executable < 0) give_up(spawn->channel, "open_tree of the warden");
    if (coop_mount_setattr(executable, "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID, 0) != 0)
        give_up(spawn->channel, "mount_setattr of the warden");
    // Where it is detached the kernel waits for all processors (synchronize_rcu) when the exec closes it. Attached to something of this
    // namespace alone, it goes with the host's tree, which has to be waited for anyway. Nothing depends on it.
    if ((spawn->unshare_flags & CLONE_NEWNS) && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        (void)coop_move_mount(executable, "", AT_FDCWD, "/proc/version", MOVE_MOUNT_F_EMPTY_PATH);
    // The clean-up of signals: the program starts with defaults and nothing blocked.
    for (int signal_number = 1; signal_number < 65; signal_number++) signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (setsid() < 0) give_up(spawn->channel, "setsid");

    struct coop_identity identity;
    ssize_t count;
    // Written at once and shorter than PIPE_BUF, so it comes as a whole (pipe(7)).
    do count = read(spawn->sync, &identity, sizeof(identity));
    while (count < 0 && errno == EINTR);
    if (count != sizeof(identity)) _exit(125);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up(spawn->channel, "PR_SET_PDEATHSIG");
    if (identity.drop_groups && syscall(SYS_setgroups, 0, NULL) != 0) give_up(spawn->channel, "setgroups");
    if (coop_setresgid(identity.gid) != 0) give_up(spawn->channel, "setresgid");
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) give_up(spawn->channel, "PR_SET_KEEPCAPS");
    if (coop_setresuid(identity.uid) != 0) give_up(spawn->channel, "setresuid");

    // An identity other than root loses its capabilities on exec unless they are ambient (capabilities(7)).
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) give_up(spawn->channel, "capget");
    for (int i = 0; i < 2; i++) {
        data[i].effective = data[i].permitted;
        data[i].inheritable = data[i].permitted;
    }
    if (syscall(SYS_capset, &header, data) != 0) give_up(spawn->channel, "capset");
    for (int capability = 0; capability < 64; capability++) {
        if (!(data[capability / 32].permitted & (1u << (capability % 32)))) continue;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) give_up(spawn->channel, "PR_CAP_AMBIENT");
    }

    int channel = spawn->channel;
    if (channel == 3) {
        if (fcntl(3, F_SETFD, 0) != 0) give_up(channel, "descriptor 3");
    } else {
        if (executable == 3) {
            int moved = fcntl(executable, F_DUPFD_CLOEXEC, 4);
            if (moved < 0) give_up(channel, "descriptor 3");
            executable = moved;
        }
        if (dup2(channel, 3) != 3) give_up(channel, "descriptor 3");
    }
    if (coop_close_range(4, ~0u, CLOSE_RANGE_CLOEXEC) != 0) give_up(3, "close_range");
    syscall(SYS_execveat, executable, "", spawn->argv, spawn->envp, AT_EMPTY_PATH);
    give_up(3, "execve of the warden");
    return -1;
}

struct tool {
    const char *program;
    char *const *argv;
    char *const *envp;
    sigset_t mask;
};

static int become_tool(void *pointer) {
    struct tool *tool = pointer;
    sigprocmask(SIG_SETMASK, &tool->mask, NULL);
    execve(tool->program, tool->argv, tool->envp);
    _exit(127);
}

pid_t coop_spawn_tool(const char *program, char *const argv[], char *const envp[], void *memory, size_t size) {
    struct tool *tool = memory;
    sigset_t all;
    sigfillset(&all);
    tool->program = program;
    tool->argv = argv;
    tool->envp = envp;
    // A handler of this process's must not run on the child's stack.
    sigprocmask(SIG_SETMASK, &all, &tool->mask);
    uintptr_t top = ((uintptr_t)memory + size) & ~(uintptr_t)15;
    pid_t pid = clone(become_tool, (void *)top, CLONE_VM | SIGCHLD, tool);
    int number = errno;
    sigprocmask(SIG_SETMASK, &tool->mask, NULL);
    errno = number;
    return pid;
}

ssize_t coop_send(int socket, const void *bytes, size_t length, const int *descriptors, int count) {
    struct iovec part = {(void *)bytes, length};
    struct msghdr message;
    memset(&message, 0, sizeof(message));
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    union {
        char space[CMSG_SPACE(sizeof(int) * COOP_MAX_DESCRIPTORS)];
        struct cmsghdr align;
    } control;
    if (count > COOP_MAX_DESCRIPTORS) {
        errno = EINVAL;
        return -1;
    }
    if (count > 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * (size_t)count);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t coop_receive(int socket, void *bytes, size_t length, int *descriptors, int *count, int *truncated) {
    struct iovec part = {bytes, length};
    struct msghdr message;
    memset(&message, 0, sizeof(message));
    union {
        char space[CMSG_SPACE(sizeof(int) * COOP_MAX_DESCRIPTORS)];
        struct cmsghdr align;
    } control;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.space;
    message.msg_controllen = sizeof(control.space);
    *count = 0;
    *truncated = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int here = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < here && *count < COOP_MAX_DESCRIPTORS; i++)
            memcpy(&descriptors[(*count)++], CMSG_DATA(header) + (size_t)i * sizeof(int), sizeof(int));
    }
    if (message.msg_flags & MSG_CTRUNC) *truncated = 1;
    return received;
}

int coop_unix_socket(const char *path, int listen_backlog) {
    struct sockaddr_un address;
    memset(&address, 0, sizeof(address));
    address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (number < 0) return -1;
    int failed = listen_backlog > 0
        ? bind(number, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(number, listen_backlog) != 0
        : connect(number, (struct sockaddr *)&address, sizeof(address)) != 0;
    if (failed) {
        int saved = errno;
        close(number);
        errno = saved;
        return -1;
    }
    return number;
}

int coop_loopback_up(void) {
    int number = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (number < 0) return -1;
    struct ifreq request;
    memset(&request, 0, sizeof(request));
    memcpy(request.ifr_name, "lo", 3);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    int result = ioctl(number, SIOCSIFFLAGS, &request);
    int saved = errno;
    close(number);
    errno = saved;
    return result;
}

static int close_keeping_error(int number) {
    int saved = errno;
    close(number);
    errno = saved;
    return -1;
}

int coop_netlink_open(int protocol) {
    int number = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (number < 0) return -1;
    struct timeval limit = {5, 0};
    // Room for an answer to a transaction and for a list, whatever the default is.
    int size = 1 << 18;
    if (setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0) return close_keeping_error(number);
    (void)setsockopt(number, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return number;
}

int coop_loopback_socket(int family, int type, uint16_t port, int any) {
    int number = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (number < 0) return -1;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    memset(&address, 0, sizeof(address));
    socklen_t length = family == AF_INET ? sizeof(address.v4) : sizeof(address.v6);
    address.any.sa_family = (sa_family_t)family;
    if (family == AF_INET) {
        address.v4.sin_port = htons(port);
        address.v4.sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
    } else {
        int one = 1;
        if (setsockopt(number, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) return close_keeping_error(number);
        address.v6.sin6_port = htons(port);
        address.v6.sin6_addr = any ? in6addr_any : in6addr_loopback;
    }
    // No SO_REUSEADDR and no SO_REUSEPORT: nobody else can bind the port as long as this socket lives (socket(7)).
    if (bind(number, &address.any, length) != 0) return close_keeping_error(number);
    // The kernel cuts the backlog to net.core.somaxconn.
    if (type == SOCK_STREAM && !any && listen(number, 65535) != 0) return close_keeping_error(number);
    return number;
}

int coop_describe_socket(int number, int *family, int *type, int *listens, uint16_t *port) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size = sizeof(int), length = sizeof(address);
    if (getsockopt(number, SOL_SOCKET, SO_TYPE, type, &size) != 0) return -1;
    size = sizeof(int);
    if (getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, listens, &size) != 0) return -1;
    memset(&address, 0, sizeof(address));
    if (getsockname(number, &address.any, &length) != 0) return -1;
    *family = address.any.sa_family;
    if (*family != AF_INET && *family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    *port = ntohs(*family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return 0;
}

int coop_peer(int socket, pid_t *pid, uid_t *uid) {
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
    *pid = credentials.pid;
    *uid = credentials.uid;
    return 0;
}

int coop_setrlimit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {soft, hard};
    return setrlimit((__rlimit_resource_t)resource, &limit);
}

int coop_getrlimit(int resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0) return -1;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int coop_wifexited(int status) { return WIFEXITED(status); }
int coop_wexitstatus(int status) { return WEXITSTATUS(status); }
int coop_wifsignaled(int status) { return WIFSIGNALED(status); }
int coop_wtermsig(int status) { return WTERMSIG(status); }
int coop_wifstopped(int status) { return WIFSTOPPED(status); }
int coop_wstopsig(int status) { return WSTOPSIG(status); }
int coop_wifcontinued(int status) { return WIFCONTINUED(status); }

int coop_signalfd(const sigset_t *mask) { return signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK); }

int coop_try_user_namespace(void) {
    pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) {
        // Mounting inside is what AppArmor refuses when it lets the namespace itself be made.
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) _exit(errno & 0x7f);
        if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) _exit(errno & 0x7f);
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int file_identity(int directory, const char *name, int flags, struct coop_file_identity *identity) {
    struct statx found;
    if (statx(directory, name, flags, STATX_INO | STATX_BTIME, &found) != 0) return -1;
    if (!(found.stx_mask & STATX_BTIME)) {
        errno = ENODATA;
        return -1;
    }
    identity->device_major = found.stx_dev_major;
    identity->device_minor = found.stx_dev_minor;
    identity->inode = found.stx_ino;
    identity->born_seconds = found.stx_btime.tv_sec;
    identity->born_nanoseconds = found.stx_btime.tv_nsec;
    return 0;
}

int coop_file_identity(int descriptor, struct coop_file_identity *identity) {
    return file_identity(descriptor, "", AT_EMPTY_PATH, identity);
}

int coop_file_identity_at(int directory, const char *name, struct coop_file_identity *identity) {
    return file_identity(directory, name, AT_SYMLINK_NOFOLLOW, identity);
}

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000U
#endif

uint64_t coop_mount_id(int descriptor) {
    // The mount's number follows the device numbers (struct statx), whatever the installed header knows of it.
    struct {
        struct statx head;
        uint64_t room[16];
    } found = {0};
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_MNT_ID, &found.head) != 0 || !(found.head.stx_mask & STATX_MNT_ID)) return 0;
    uint64_t number;
    memcpy(&number, (const char *)&found.head + 0x90, sizeof number);
    return number;
}

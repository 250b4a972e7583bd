// Attacks from inside a sandbox, one by name. Each ends with one line and exit code: 0 it worked, 10 it was refused,
// anything else: the attack itself is broken and proves nothing. Harmless where they work: no attack destroys anything.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_alg.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void worked(const char *format, ...) {
    va_list list;
    va_start(list, format);
    printf("WORKED ");
    vprintf(format, list);
    printf("\n");
    fflush(stdout);
    _exit(0);
}
static void refused(const char *what) {
    printf("REFUSED %s: %s\n", what, strerrorname_np(errno) ?: "?");
    fflush(stdout);
    _exit(10);
}
static void broken(const char *what) {
    printf("BROKEN %s: %s\n", what, strerror(errno));
    fflush(stdout);
    _exit(20);
}
// The result of a call: below zero it was refused.
static void judge(long result, const char *what) {
    if (result < 0) refused(what);
    worked("%s = %ld", what, result);
}
#define ATTACK(name) static void name(int argc, char **argv)

// Capabilities over namespaces of one's own, where they can be had: attacks on mounts begin with them.
static void try_namespaces(void) {
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (unshare(CLONE_NEWNS) == 0) return;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return;
    char text[64];
    int number = open("/proc/self/setgroups", O_WRONLY);
    if (number >= 0) { (void)!write(number, "deny", 4); close(number); }
    number = open("/proc/self/uid_map", O_WRONLY);
    snprintf(text, sizeof text, "0 %u 1", uid);
    if (number >= 0) { (void)!write(number, text, strlen(text)); close(number); }
    number = open("/proc/self/gid_map", O_WRONLY);
    snprintf(text, sizeof text, "0 %u 1", gid);
    if (number >= 0) { (void)!write(number, text, strlen(text)); close(number); }
}

// --- files ---

ATTACK(file_read) {
    int number = open(argv[0], O_RDONLY | O_NONBLOCK);
    if (number < 0) refused("open");
    struct stat found;
    fstat(number, &found);
    if (S_ISDIR(found.st_mode)) worked("a directory");
    char text[4096] = {0};
    ssize_t count = read(number, text, sizeof text - 1);
    if (count < 0) refused("read");
    if (count == 0) { errno = 0; refused("empty"); }
    worked("%zd bytes: %.40s", count, text);
}
ATTACK(file_write) {
    // Opening is enough: nothing is changed.
    int number = open(argv[0], O_WRONLY | O_NONBLOCK);
    judge(number, "open for writing");
}
// Writes back what is there.
ATTACK(setting_rewrite) {
    char text[4096];
    int number = open(argv[0], O_RDONLY);
    if (number < 0) broken("read");
    ssize_t count = read(number, text, sizeof text);
    close(number);
    number = open(argv[0], O_WRONLY);
    if (number < 0) refused("open for writing");
    if (write(number, text, count) != count) refused("write");
    worked("%s", argv[0]);
}
ATTACK(file_create) {
    int number = open(argv[0], O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (number < 0) refused("create");
    unlink(argv[0]);
    worked("%s", argv[0]);
}
ATTACK(path_exists) {
    struct stat found;
    judge(lstat(argv[0], &found), "lstat");
}
ATTACK(link_read) {
    char text[4096];
    judge(readlink(argv[0], text, sizeof text), "readlink");
}
ATTACK(descriptor_rewrite) {
    // Through the magic link a descriptor can be opened anew with other rights.
    int number = open("/proc/self/fd/0", O_RDWR);
    if (number < 0) refused("open /proc/self/fd/0");
    if (pwrite(number, "X", 1, 0) != 1) refused("pwrite");
    worked("written");
}
ATTACK(descriptor_truncate) {
    // By its path, and by an opening for reading alone.
    if (truncate("/proc/self/fd/0", 0) == 0) worked("truncated");
    if (open("/proc/self/fd/0", O_RDONLY | O_TRUNC) >= 0) worked("opened and truncated");
    refused("truncate");
}
ATTACK(descriptor_reread) {
    // What was given for writing alone.
    file_read(1, (char *[]){"/proc/self/fd/2", NULL});
}
ATTACK(descriptor_parent) {
    char path[64];
    for (int number = 0; number < 1024; number++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d/..", number);
        int up = open(path, O_PATH | O_DIRECTORY);
        if (up >= 0) worked("descriptor %d has a parent", number);
    }
    refused("open");
}
ATTACK(descriptor_open) {
    struct stat found;
    for (int number = 3; number < 1024; number++)
        if (fstat(number, &found) == 0) worked("descriptor %d is open, mode %o", number, found.st_mode);
    refused("fstat");
}
static int planted(const char *path, const char *how) {
    struct stat found;
    int bad = stat(path, &found) == 0 && found.st_mode & S_ISUID;
    // What has worked must not stay on the machine that runs the tests.
    unlink(path);
    if (bad) worked("%s: mode %o", how, found.st_mode);
    return bad;
}
ATTACK(chmod_setuid) {
    const char *path = argv[0];
    int mode = S_ISUID | 0755, error = 0;
#define TRY(how, call) if ((call) < 0) error = errno; if (planted(path, how)) return;
#define FRESH { unlink(path); int made = open(path, O_RDWR | O_CREAT, 0700); if (made < 0) broken("create"); close(made); }
    FRESH; TRY("chmod", syscall(SYS_chmod, path, mode))
    FRESH; int number = open(path, O_RDWR); TRY("fchmod", syscall(SYS_fchmod, number, mode)) close(number);
    FRESH; TRY("fchmodat", syscall(SYS_fchmodat, AT_FDCWD, path, mode))
    FRESH; TRY("fchmodat2", syscall(452, AT_FDCWD, path, mode, 0))
    FRESH; TRY("chmod with high bits", syscall(SYS_chmod, path, 0x100000000L | mode))
    unlink(path); umask(0);
    TRY("creat", syscall(SYS_creat, path, mode))
    TRY("open", syscall(SYS_open, path, O_WRONLY | O_CREAT, mode))
    TRY("openat", syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, mode))
    TRY("mknod", syscall(SYS_mknod, path, S_IFREG | mode, 0))
    TRY("mknodat", syscall(SYS_mknodat, AT_FDCWD, path, S_IFREG | mode, 0))
    struct { unsigned long flags, mode, resolve; } how = {O_WRONLY | O_CREAT, (unsigned long)mode, 0};
    TRY("openat2", syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)))
    char directory[4096];
    snprintf(directory, sizeof(directory), "%s", path);
    *strrchr(directory, '/') = 0;
    number = syscall(SYS_openat, AT_FDCWD, directory, O_WRONLY | O_TMPFILE, mode);
    if (number >= 0) {
        char from[64];
        snprintf(from, sizeof(from), "/proc/self/fd/%d", number);
        linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
        if (planted(path, "O_TMPFILE")) return;
    } else error = errno;
    errno = error;
    refused("every way");
}

ATTACK(chmod_stdin) { judge(fchmod(0, 0666), "fchmod of standard input"); }
ATTACK(stdin_kind) {
    struct stat found;
    if (fstat(0, &found) != 0) broken("fstat");
    if (S_ISSOCK(found.st_mode) || S_ISDIR(found.st_mode) || S_ISBLK(found.st_mode)) worked("mode %o", found.st_mode);
    refused("neither socket nor directory");
}

// --- processes ---

ATTACK(ptrace_seize) { judge(ptrace(PTRACE_SEIZE, atoi(argv[0]), 0, 0), "PTRACE_SEIZE"); }
ATTACK(ptrace_child) {
    pid_t child = fork();
    if (child == 0) { pause(); _exit(0); }
    long result = ptrace(PTRACE_SEIZE, child, 0, 0);
    int number = errno;
    kill(child, SIGKILL);
    errno = number;
    judge(result, "PTRACE_SEIZE of a child");
}
ATTACK(memory_read) {
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
    long result = process_vm_readv(atoi(argv[0]), &here, 1, &there, 1, 0);
    if (result < 0 && errno == EFAULT) worked("the address is wrong, the access allowed");
    judge(result, "process_vm_readv");
}
ATTACK(memory_read_child) {
    static char secret = 's';
    char byte;
    pid_t child = fork();
    if (child == 0) { pause(); _exit(0); }
    struct iovec here = {&byte, 1}, there = {&secret, 1};
    long result = process_vm_readv(child, &here, 1, &there, 1, 0);
    int number = errno;
    kill(child, SIGKILL);
    errno = number;
    judge(result, "process_vm_readv of a child");
}
ATTACK(pidfd_steal) {
    int handle = syscall(SYS_pidfd_open, atoi(argv[0]), 0);
    if (handle < 0) refused("pidfd_open");
    judge(syscall(SYS_pidfd_getfd, handle, 3, 0), "pidfd_getfd");
}
ATTACK(kill_process) {
    pid_t pid = atoi(argv[0]);
    if (kill(pid, SIGKILL) != 0) refused("kill");
    // A signal that the kernel drops reports success; whether the first process lives is what counts.
    usleep(20000);
    if (kill(pid, 0) == 0) { errno = 0; refused("it lives on"); }
    worked("killed");
}
ATTACK(kill_pidfd) {
    int handle = syscall(SYS_pidfd_open, atoi(argv[0]), 0);
    if (handle < 0) refused("pidfd_open");
    if (syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0) != 0) refused("pidfd_send_signal");
    usleep(20000);
    if (kill(atoi(argv[0]), 0) == 0) { errno = 0; refused("it lives on"); }
    worked("killed");
}
ATTACK(signal_process) {
    for (int number = 1; number < 65; number++)
        if (number != SIGKILL && number != SIGSTOP && number != SIGCHLD) kill(atoi(argv[0]), number);
    usleep(20000);
    if (kill(atoi(argv[0]), 0) == 0) { errno = 0; refused("it lives on"); }
    if (errno == EPERM) refused("kill");
    worked("gone");
}
ATTACK(stop_process) {
    kill(atoi(argv[0]), SIGSTOP);
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%s/stat", argv[0]);
    usleep(20000);
    FILE *file = fopen(path, "r");
    if (!file) broken(path);
    (void)!fgets(text, sizeof text, file);
    if (strstr(text, ") T ")) { kill(atoi(argv[0]), SIGCONT); worked("stopped"); }
    errno = EPERM;
    refused("it runs on");
}
ATTACK(prlimit_set) {
    struct rlimit old, now;
    if (prlimit(atoi(argv[0]), RLIMIT_NOFILE, NULL, &old) != 0 ) refused("prlimit, reading");
    now = old;
    judge(prlimit(atoi(argv[0]), RLIMIT_NOFILE, &now, NULL), "prlimit, setting");
}
ATTACK(core_limit) {
    struct rlimit none = {0, 0}, now;
    setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_CORE, &now) != 0) broken("getrlimit");
    if (now.rlim_cur != 0) { errno = 0; refused("the limit stays"); }
    worked("limit %lu", (unsigned long)now.rlim_cur);
}
ATTACK(core_dump) {
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_CORE, &all) != 0) { struct rlimit now; getrlimit(RLIMIT_CORE, &now); now.rlim_cur = now.rlim_max; setrlimit(RLIMIT_CORE, &now); }
    pid_t child = fork();
    if (child == 0) abort();
    int status;
    waitpid(child, &status, 0);
    if (WCOREDUMP(status)) worked("dumped");
    errno = 0;
    refused("no dump");
}
ATTACK(affinity) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(atoi(argv[0]), sizeof set, &set) != 0) refused("sched_getaffinity");
    judge(sched_setaffinity(atoi(argv[0]), sizeof set, &set), "sched_setaffinity");
}
ATTACK(renice) {
    errno = 0;
    int now = getpriority(PRIO_PROCESS, atoi(argv[0]));
    if (errno) refused("getpriority");
    judge(setpriority(PRIO_PROCESS, atoi(argv[0]), now), "setpriority");
}
ATTACK(schedule_idle) {
    struct sched_param none = {0};
    pid_t pid = atoi(argv[0]);
    int policy = sched_getscheduler(pid);
    if (policy < 0) refused("sched_getscheduler");
    judge(sched_setscheduler(pid, policy, &none), "sched_setscheduler");
}

// --- namespaces and mounts ---

ATTACK(user_namespace) { judge(unshare(CLONE_NEWUSER), "unshare(CLONE_NEWUSER)"); }
ATTACK(namespace) { judge(unshare(strtoul(argv[0], NULL, 0)), "unshare"); }
ATTACK(clone_user_namespace) {
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    judge(pid, "clone(CLONE_NEWUSER)");
}
ATTACK(clone3_user_namespace) {
    struct { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; } request = {CLONE_NEWUSER};
    request.exit_signal = SIGCHLD;
    long pid = syscall(SYS_clone3, &request, sizeof request);
    if (pid == 0) _exit(0);
    judge(pid, "clone3(CLONE_NEWUSER)");
}
ATTACK(join_namespace) {
    int number = open("/proc/self/ns/uts", O_RDONLY);
    if (number < 0) broken("/proc/self/ns/uts");
    try_namespaces();
    if (setns(number, 0) == 0) worked("setns");
    // Without the capability the kernel says EPERM as well; a descriptor that is none shows who has answered.
    int answer = errno;
    if (setns(open("/dev/null", O_RDONLY), 0) != 0 && errno == EINVAL) worked("the kernel itself answers");
    errno = answer;
    refused("setns");
}
ATTACK(mount_tmpfs) {
    try_namespaces();
    judge(mount("none", "/tmp", "tmpfs", 0, NULL), "mount");
}
ATTACK(remount_root) {
    try_namespaces();
    judge(mount(NULL, argv[0], NULL, MS_REMOUNT | MS_BIND, NULL), "mount(MS_REMOUNT)");
}
ATTACK(unmount) {
    try_namespaces();
    judge(umount2(argv[0], MNT_DETACH), "umount2");
}
ATTACK(open_tree_clone) {
    try_namespaces();
    judge(syscall(SYS_open_tree, AT_FDCWD, "/usr", 1 | 0x8000), "open_tree(OPEN_TREE_CLONE)");
}
ATTACK(file_system_open) {
    try_namespaces();
    judge(syscall(SYS_fsopen, "tmpfs", 0), "fsopen");
}
ATTACK(mount_attributes) {
    try_namespaces();
    uint64_t attributes[4] = {0, 1, 0, 0};
    judge(syscall(SYS_mount_setattr, AT_FDCWD, argv[0], 0, attributes, sizeof attributes), "mount_setattr(clear MOUNT_ATTR_RDONLY)");
}
ATTACK(move_mount_away) {
    try_namespaces();
    judge(syscall(SYS_move_mount, AT_FDCWD, argv[0], AT_FDCWD, "/tmp", 0), "move_mount");
}
ATTACK(pivot_root_call) {
    try_namespaces();
    if (syscall(SYS_pivot_root, ".", ".") == 0) worked("pivot_root");
    if (errno == EINVAL || errno == EBUSY) worked("the kernel itself answers");
    refused("pivot_root");
}
ATTACK(chroot_call) {
    try_namespaces();
    judge(chroot("/tmp"), "chroot");
}
ATTACK(set_hostname) {
    char name[256];
    gethostname(name, sizeof name);
    try_namespaces();
    unshare(CLONE_NEWUTS);
    judge(sethostname(name, strlen(name)), "sethostname");
}
ATTACK(set_time) {
    // An invalid time: EINVAL comes only from the kernel's own check, after the permission.
    struct timeval wrong = {0, 2000000};
    if (syscall(SYS_settimeofday, &wrong, NULL) != 0 && errno == EINVAL) worked("the kernel itself answers");
    refused("settimeofday");
}
ATTACK(set_clock) {
    struct timespec wrong = {0, 2000000000};
    if (syscall(SYS_clock_settime, CLOCK_REALTIME, &wrong) != 0 && errno == EINVAL) worked("the kernel itself answers");
    refused("clock_settime");
}
ATTACK(adjust_clock) {
    struct timex query = {0};
    judge(adjtimex(&query), "adjtimex");
}

// --- privileges ---

ATTACK(capabilities) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &header, data) != 0) broken("capget");
    if (data[0].permitted || data[1].permitted || data[0].inheritable || data[1].inheritable)
        worked("permitted %x%08x", data[1].permitted, data[0].permitted);
    for (int i = 0; i < 64; i++)
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) worked("capability %d is in the bounding set", i);
    errno = EPERM;
    refused("no capability");
}
ATTACK(new_privileges) {
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) { errno = 0; refused("no_new_privs"); }
    worked("set-user-id programs take effect");
}
ATTACK(run_setuid) {
    // argv[0] is a set-user-id copy of this program that belongs to another user.
    uid_t before = geteuid();
    char number[32];
    snprintf(number, sizeof number, "%u", before);
    execl(argv[0], argv[0], "changed_user", number, NULL);
    refused("execve");
}
ATTACK(changed_user) {
    if (geteuid() != (uid_t)atoi(argv[0])) worked("effective user %u", geteuid());
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {0};
    syscall(SYS_capget, &header, data);
    if (data[0].permitted || data[1].permitted) worked("permitted %x", data[0].permitted);
    errno = EPERM;
    refused("neither another user nor a capability");
}
ATTACK(become_user) {
    uid_t target = atoi(argv[0]);
    if (target == getuid()) broken("the same user");
    judge(setresuid(target, target, target), "setresuid");
}
ATTACK(drop_groups) { judge(syscall(SYS_setgroups, 0, NULL), "setgroups"); }
ATTACK(make_device) {
    unlink("/tmp/device");
    judge(mknod("/tmp/device", S_IFCHR | 0666, makedev(1, 3)), "mknod");
}
ATTACK(make_device_in) {
    char path[4096];
    snprintf(path, sizeof path, "%s/device-made", argv[0]);
    if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) != 0) refused("mknod");
    unlink(path);
    worked("mknod");
}
ATTACK(open_device) { judge(open(argv[0], O_RDWR | O_NONBLOCK), "open"); }

// --- calls ---

ATTACK(io_uring) { char parameters[256] = {0}; judge(syscall(SYS_io_uring_setup, 1, parameters), "io_uring_setup"); }
// A wrong argument: any answer but EPERM and ENOSYS comes from the kernel itself.
static void reaches_kernel(long result, const char *what) {
    if (result >= 0) worked("%s", what);
    if (errno == EPERM || errno == ENOSYS || errno == EACCES) refused(what);
    worked("%s: the kernel itself answers %s", what, strerrorname_np(errno));
}
ATTACK(bpf) { reaches_kernel(syscall(SYS_bpf, 0x7FFF, NULL, 0), "bpf"); }
ATTACK(perf) {
    uint32_t attributes[32] = {1 /* PERF_TYPE_SOFTWARE */, sizeof attributes, 0};
    reaches_kernel(syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0), "perf_event_open");
}
ATTACK(userfault) { reaches_kernel(syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */), "userfaultfd"); }
ATTACK(keyctl_session) { reaches_kernel(syscall(SYS_keyctl, 0, -3, 0), "keyctl(KEYCTL_GET_KEYRING_ID)"); }
ATTACK(key_add) { reaches_kernel(syscall(SYS_add_key, "user", "coop-test", "x", 1, -3), "add_key"); }
ATTACK(key_request) { reaches_kernel(syscall(SYS_request_key, "user", argv[0], NULL, 0), "request_key"); }
ATTACK(handle_open) {
    int number = open("/tmp", O_RDONLY);
    struct { unsigned size; int type; char bytes[8]; } handle = {200, 1};
    reaches_kernel(syscall(SYS_open_by_handle_at, number, &handle, O_RDONLY), "open_by_handle_at");
}
ATTACK(module_load) { reaches_kernel(syscall(SYS_finit_module, -1, "", 0), "finit_module"); }
ATTACK(kexec) { reaches_kernel(syscall(SYS_kexec_load, 0, 100000, NULL, 0), "kexec_load"); }
ATTACK(fanotify) { reaches_kernel(syscall(SYS_fanotify_init, 0, 0), "fanotify_init"); }
ATTACK(kcmp_call) { reaches_kernel(syscall(SYS_kcmp, getpid(), getpid(), 100, 0, 0), "kcmp"); }
ATTACK(port_access) { reaches_kernel(syscall(SYS_iopl, 3), "iopl"); }
ATTACK(local_descriptor_table) { char text[16]; reaches_kernel(syscall(SYS_modify_ldt, 0, text, sizeof text), "modify_ldt"); }
ATTACK(kernel_log) { reaches_kernel(syscall(SYS_syslog, 10, NULL, 0), "syslog"); }
ATTACK(socket_family) {
    int type = argc > 1 ? atoi(argv[1]) : SOCK_STREAM, protocol = argc > 2 ? atoi(argv[2]) : 0;
    int number = socket(atoi(argv[0]), type, protocol);
    judge(number, "socket");
}
ATTACK(seccomp_listener) {
    struct { unsigned short code; unsigned char jt, jf; unsigned k; } program[] = {{6, 0, 0, 0x7FFF0000}};
    struct { unsigned short count; void *filter; } filter = {1, program};
    judge(syscall(SYS_seccomp, 1, 8 /* NEW_LISTENER */, &filter), "seccomp(NEW_LISTENER)");
}
ATTACK(foreign_architecture) {
#ifdef __x86_64__
    // getpid of the 32-bit table.
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
    if (result == getpid()) worked("int 0x80");
    errno = ENOSYS;
    refused("int 0x80");
#else
    errno = ENOSYS;
    refused("no other architecture");
#endif
}
ATTACK(x32_calls) {
    long result = syscall(0x40000000 | 39);
    if (result == getpid()) worked("x32");
    refused("x32");
}

// --- terminals ---

ATTACK(type_into_terminal) {
    int number = open("/dev/tty", O_RDWR);
    if (number < 0) number = argc > 0 ? atoi(argv[0]) : 0;
    char letter = 'x';
    judge(ioctl(number, TIOCSTI, &letter), "TIOCSTI");
}
ATTACK(type_high_bits) {
    int number = open("/dev/tty", O_RDWR);
    if (number < 0) number = 0;
    char letter = 'x';
    judge(syscall(SYS_ioctl, number, 0x100000000UL | TIOCSTI, &letter), "TIOCSTI with high bits");
}
ATTACK(console_paste) {
    char request[2] = {3, 0};
    long result = ioctl(0, TIOCLINUX, request);
    if (result < 0 && errno != EPERM) worked("the kernel itself answers %s", strerrorname_np(errno));
    judge(result, "TIOCLINUX");
}

// --- network ---

static long connect_within(int number, struct sockaddr *address, socklen_t length) {
    struct timeval limit = {30, 0};
    setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    long result = connect(number, address, length);
    // Nobody has answered at all (socket(7)).
    if (result < 0 && (errno == EINPROGRESS || errno == EAGAIN || errno == ETIMEDOUT)) broken("connect was left waiting");
    return result;
}
ATTACK(connect_tcp) {
    int number = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {AF_INET, htons(atoi(argv[1]))};
    inet_pton(AF_INET, argv[0], &address.sin_addr);
    judge(connect_within(number, (void *)&address, sizeof address), "connect");
}
ATTACK(connect_tcp6) {
    int number = socket(AF_INET6, SOCK_STREAM, 0);
    if (number < 0) refused("socket");
    struct sockaddr_in6 address = {AF_INET6, htons(atoi(argv[1]))};
    inet_pton(AF_INET6, argv[0], &address.sin6_addr);
    judge(connect_within(number, (void *)&address, sizeof address), "connect");
}
ATTACK(send_udp) {
    int number = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = {AF_INET, htons(atoi(argv[1]))};
    inet_pton(AF_INET, argv[0], &address.sin_addr);
    judge(sendto(number, "x", 1, 0, (void *)&address, sizeof address), "sendto");
}
ATTACK(connect_unix) {
    int number = socket(AF_UNIX, argc > 1 && !strcmp(argv[1], "dgram") ? SOCK_DGRAM : SOCK_STREAM, 0);
    struct sockaddr_un address = {AF_UNIX};
    strncpy(address.sun_path, argv[0], sizeof address.sun_path - 1);
    judge(connect_within(number, (void *)&address, sizeof address), "connect");
}
ATTACK(connect_abstract) {
    int number = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {AF_UNIX};
    memcpy(address.sun_path + 1, argv[0], strlen(argv[0]));
    judge(connect_within(number, (void *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[0])), "connect");
}
// Not attacks but use: what comes from the other end, which is the gateway's.
static void say_answer(int number, const char *text) {
    char line[512] = {0};
    struct timeval limit = {30, 0};
    setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    size_t count = 0;
    ssize_t piece;
    while (count < sizeof line - 1 && (piece = read(number, line + count, sizeof line - 1 - count)) > 0) count += piece;
    line[strcspn(line, "\n")] = 0;
    worked("%s%s", line, text);
}
ATTACK(ask_tcp) {
    int number = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {AF_INET, htons(atoi(argv[1]))};
    inet_pton(AF_INET, argv[0], &address.sin_addr);
    if (connect_within(number, (void *)&address, sizeof address) != 0) refused("connect");
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    getpeername(number, (void *)&peer, &length);
    say_answer(number, peer.sin_addr.s_addr == address.sin_addr.s_addr && peer.sin_port == address.sin_port ? " as itself" : "");
}
ATTACK(ask_tcp6) {
    int number = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 address = {AF_INET6, htons(atoi(argv[1]))};
    inet_pton(AF_INET6, argv[0], &address.sin6_addr);
    if (connect_within(number, (void *)&address, sizeof address) != 0) refused("connect");
    say_answer(number, "");
}
// In a grandchild of another session: what is not the command's own process is captured as well.
ATTACK(ask_tcp_forked) {
    if (fork() == 0) {
        setsid();
        if (fork() == 0) { ask_tcp(argc, argv); }
        wait(NULL);
        _exit(0);
    }
    wait(NULL);
    _exit(0);
}
ATTACK(ask_udp) {
    int number = socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval limit = {30, 0};
    setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    struct sockaddr_in address = {AF_INET, htons(atoi(argv[1]))}, from = {0};
    socklen_t length = sizeof from;
    inet_pton(AF_INET, argv[0], &address.sin_addr);
    if (sendto(number, "query", 5, 0, (void *)&address, sizeof address) < 0) refused("sendto");
    char text[100] = {0}, name[50] = {0};
    if (recvfrom(number, text, sizeof text - 1, 0, (void *)&from, &length) < 0) refused("recvfrom");
    inet_ntop(AF_INET, &from.sin_addr, name, sizeof name);
    worked("%s from %s:%d", text, name, ntohs(from.sin_port));
}
ATTACK(send_udp6) {
    int number = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 address = {AF_INET6, htons(atoi(argv[1]))};
    inet_pton(AF_INET6, argv[0], &address.sin6_addr);
    judge(sendto(number, "x", 1, 0, (void *)&address, sizeof address), "sendto");
}
ATTACK(internet_socket) {
    judge(socket(atoi(argv[0]), atoi(argv[1]), atoi(argv[2])), "socket");
}
// With every permission to share that there is.
ATTACK(take_port) {
    int one = 1, zero = 0, is6 = strchr(argv[0], ':') != NULL, datagram = argc > 2;
    int number = socket(is6 ? AF_INET6 : AF_INET, datagram ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (number < 0) broken("socket");
    setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(number, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    struct sockaddr_in v4 = {AF_INET, htons(atoi(argv[1]))};
    struct sockaddr_in6 v6 = {AF_INET6, htons(atoi(argv[1]))};
    inet_pton(AF_INET, argv[0], &v4.sin_addr);
    inet_pton(AF_INET6, argv[0], &v6.sin6_addr);
    if (is6) setsockopt(number, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if ((is6 ? bind(number, (void *)&v6, sizeof v6) : bind(number, (void *)&v4, sizeof v4)) != 0) refused("bind");
    judge(datagram ? 0 : listen(number, 8), "listen");
}
static void ask_kernel(int number, void *message, size_t length, const char *what) {
    struct timeval limit = {20, 0};
    setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (send(number, message, length, 0) < 0) refused(what);
    char answer[4096];
    ssize_t count = recv(number, answer, sizeof answer, 0);
    if (count < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr))) broken("answer");
    errno = -((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)answer))->error;
    judge(errno == 0 ? 0 : -1, what);
}
ATTACK(delete_rules) {
    int number = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    if (number < 0) refused("socket");
    // Every table of every family, in one transaction.
    struct { struct nlmsghdr head; struct nfgenmsg body; } message[3] = {
        {{sizeof *message, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, 1}, {0, 0, htons(NFNL_SUBSYS_NFTABLES)}},
        {{sizeof *message, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE, NLM_F_REQUEST | NLM_F_ACK, 2}},
        {{sizeof *message, NFNL_MSG_BATCH_END, NLM_F_REQUEST, 3}, {0, 0, htons(NFNL_SUBSYS_NFTABLES)}},
    };
    ask_kernel(number, message, sizeof message, "NFT_MSG_DELTABLE");
}
ATTACK(delete_route) {
    int number = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (number < 0) refused("socket");
    struct { struct nlmsghdr head; struct rtmsg body; } message = {
        {sizeof message, RTM_DELROUTE, NLM_F_REQUEST | NLM_F_ACK, 1}, {AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_scope = RT_SCOPE_NOWHERE}};
    ask_kernel(number, &message, sizeof message, "RTM_DELROUTE");
}
// As root of a user namespace of its own: the network belongs to the one above.
ATTACK(delete_route_nested) {
    try_namespaces();
    delete_route(argc, argv);
}
ATTACK(raw_socket_nested) {
    try_namespaces();
    internet_socket(argc, argv);
}
ATTACK(add_route6) {
    int number = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (number < 0) refused("socket");
    struct { struct nlmsghdr head; struct rtmsg body; struct rtattr attribute; int device; } message = {
        {sizeof message, RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1},
        {AF_INET6, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST}, {8, RTA_OIF}, 1};
    ask_kernel(number, &message, sizeof message, "RTM_NEWROUTE");
}
ATTACK(add_address) {
    int number = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (number < 0) refused("socket");
    struct { struct nlmsghdr head; struct ifaddrmsg body; struct rtattr attribute; unsigned address; } message = {
        {sizeof message, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1}, {AF_INET, 32, 0, 0, 1}, {8, IFA_LOCAL},
        htonl(0xC0000201)};
    ask_kernel(number, &message, sizeof message, "RTM_NEWADDR");
}
ATTACK(network_devices) {
    FILE *file = fopen("/proc/net/dev", "r");
    if (!file) broken("/proc/net/dev");
    char line[512];
    for (int i = 0; fgets(line, sizeof line, file); i++)
        if (i > 1 && !strstr(line, " lo:")) worked("%s", line);
    errno = ENODEV;
    refused("only lo");
}

// --- the other side, run outside ---

static void serve(int number) {
    if (listen(number, 8) != 0) broken("listen");
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    getsockname(number, (void *)&address, &length);
    int port = address.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&address)->sin_port)
        : address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port) : 0;
    printf("SERVING %d\n", port);
    fflush(stdout);
    alarm(600);
    while (accept(number, NULL, NULL) >= 0) {}
}
ATTACK(serve_unix) {
    // With a directory: bound by a relative name, as many servers do.
    if (argc > 1 && chdir(argv[1]) != 0) broken("chdir");
    int number = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {AF_UNIX};
    strncpy(address.sun_path, argv[0], sizeof address.sun_path - 1);
    if (bind(number, (void *)&address, sizeof address) != 0) broken("bind");
    serve(number);
}
ATTACK(serve_abstract) {
    int number = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {AF_UNIX};
    memcpy(address.sun_path + 1, argv[0], strlen(argv[0]));
    if (bind(number, (void *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[0])) != 0) broken("bind");
    serve(number);
}
ATTACK(serve_tcp) {
    int number = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
    if (bind(number, (void *)&address, sizeof address) != 0) broken("bind");
    serve(number);
}
ATTACK(serve_tcp6) {
    int number = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 address = {AF_INET6};
    address.sin6_addr = in6addr_loopback;
    if (bind(number, (void *)&address, sizeof address) != 0) broken("bind");
    serve(number);
}
ATTACK(hold_memory) {
    int key = 0x10000 + getpid();
    int id = shmget(key, 4096, IPC_CREAT | 0666);
    char name[64];
    snprintf(name, sizeof name, "/coop-test-%d", getpid());
    int memory = shm_open(name, O_RDWR | O_CREAT, 0666), queue = mq_open(name, O_RDWR | O_CREAT, 0666, NULL);
    if (id < 0 || memory < 0 || queue < 0) broken("hold");
    printf("HOLDING %d %s .\n", key, name);
    fflush(stdout);
    alarm(600);
    char byte;
    (void)!read(0, &byte, 1);
    shmctl(id, IPC_RMID, NULL);
    shm_unlink(name);
    mq_unlink(name);
    _exit(0);
}

// --- IPC ---

ATTACK(shared_memory) { judge(shmget(strtol(argv[0], NULL, 0), 0, 0), "shmget"); }
ATTACK(posix_memory) { judge(shm_open(argv[0], O_RDONLY, 0), "shm_open"); }
ATTACK(posix_queue) { judge(mq_open(argv[0], O_RDONLY), "mq_open"); }

// --- resources ---

ATTACK(fork_many) {
    int limit = atoi(argv[0]), made = 0;
    for (; made < limit; made++) {
        pid_t pid = fork();
        if (pid == 0) { pause(); _exit(0); }
        if (pid < 0) { printf("after %d ", made); refused("fork"); }
    }
    worked("%d processes", made);
}
ATTACK(memory_take) {
    size_t total = strtoul(argv[0], NULL, 0), piece = 1 << 20;
    for (size_t done = 0; done < total; done += piece) {
        char *place = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (place == MAP_FAILED) refused("mmap");
        memset(place, 1, piece);
    }
    worked("%zu bytes", total);
}
ATTACK(disk_fill) {
    // In files of a megabyte: a limit on the size of one file is not the limit that is attacked.
    size_t total = strtoul(argv[1], NULL, 0);
    static char piece[1 << 20];
    char path[4096];
    for (size_t done = 0; done < total; done += sizeof piece) {
        snprintf(path, sizeof path, "%s.%zu", argv[0], done);
        int number = open(path, O_WRONLY | O_CREAT, 0600);
        if (number < 0) refused("create");
        if (write(number, piece, sizeof piece) != sizeof piece) { if (errno == 0) errno = ENOSPC; refused("write"); }
        close(number);
    }
    worked("%zu bytes", total);
}
// A file system without a limit of inodes lets one directory exhaust the memory of the machine.
ATTACK(inodes_unlimited) {
    struct statvfs found;
    if (statvfs(argv[0], &found) != 0) broken("statvfs");
    if (found.f_files == 0 || found.f_files > 4u << 20) worked("%lu files", (unsigned long)found.f_files);
    errno = 0;
    refused("limited");
}

static const struct { const char *name; void (*run)(int, char **); } table[] = {
#define ENTRY(name) {#name, name},
    ENTRY(file_read) ENTRY(file_write) ENTRY(setting_rewrite) ENTRY(file_create) ENTRY(path_exists) ENTRY(chmod_stdin) ENTRY(stdin_kind) ENTRY(serve_unix) ENTRY(serve_abstract) ENTRY(serve_tcp) ENTRY(serve_tcp6) ENTRY(hold_memory)
    ENTRY(descriptor_rewrite) ENTRY(descriptor_truncate) ENTRY(descriptor_reread) ENTRY(link_read)
    ENTRY(descriptor_parent) ENTRY(descriptor_open) ENTRY(chmod_setuid) ENTRY(ptrace_seize) ENTRY(ptrace_child)
    ENTRY(memory_read) ENTRY(memory_read_child) ENTRY(pidfd_steal) ENTRY(kill_process) ENTRY(kill_pidfd) ENTRY(signal_process)
    ENTRY(stop_process) ENTRY(prlimit_set) ENTRY(core_limit) ENTRY(core_dump) ENTRY(affinity) ENTRY(renice) ENTRY(schedule_idle)
    ENTRY(user_namespace) ENTRY(namespace) ENTRY(clone_user_namespace) ENTRY(clone3_user_namespace) ENTRY(join_namespace)
    ENTRY(mount_tmpfs) ENTRY(remount_root) ENTRY(unmount) ENTRY(open_tree_clone) ENTRY(file_system_open) ENTRY(mount_attributes)
    ENTRY(move_mount_away) ENTRY(pivot_root_call) ENTRY(chroot_call) ENTRY(set_hostname) ENTRY(set_time) ENTRY(set_clock)
    ENTRY(adjust_clock) ENTRY(capabilities) ENTRY(new_privileges) ENTRY(run_setuid) ENTRY(changed_user) ENTRY(become_user)
    ENTRY(drop_groups) ENTRY(make_device) ENTRY(make_device_in) ENTRY(open_device) ENTRY(io_uring) ENTRY(bpf) ENTRY(perf) ENTRY(userfault)
    ENTRY(keyctl_session) ENTRY(key_add) ENTRY(key_request) ENTRY(handle_open) ENTRY(module_load) ENTRY(kexec) ENTRY(fanotify)
    ENTRY(kcmp_call) ENTRY(port_access) ENTRY(local_descriptor_table) ENTRY(kernel_log) ENTRY(socket_family) ENTRY(seccomp_listener)
    ENTRY(foreign_architecture) ENTRY(x32_calls) ENTRY(type_into_terminal) ENTRY(type_high_bits) ENTRY(console_paste)
    ENTRY(connect_tcp) ENTRY(connect_tcp6) ENTRY(send_udp) ENTRY(connect_unix) ENTRY(connect_abstract) ENTRY(network_devices)
    ENTRY(ask_tcp) ENTRY(ask_tcp6) ENTRY(ask_tcp_forked) ENTRY(ask_udp) ENTRY(send_udp6) ENTRY(internet_socket) ENTRY(take_port)
    ENTRY(delete_rules) ENTRY(delete_route) ENTRY(delete_route_nested) ENTRY(raw_socket_nested) ENTRY(add_route6) ENTRY(add_address)
    ENTRY(shared_memory) ENTRY(posix_memory) ENTRY(posix_queue) ENTRY(fork_many) ENTRY(memory_take) ENTRY(disk_fill)
    ENTRY(inodes_unlimited)
};

int main(int argc, char **argv) {
    if (argc < 2) return 20;
    alarm(60);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (!strcmp(argv[1], table[i].name)) {
            errno = 0;
            table[i].run(argc - 2, argv + 2);
        }
    printf("BROKEN no attack %s\n", argv[1]);
    return 20;
}

# What must not work from inside, on this kernel too: a handful of the attacks of Tests/EscapeTests, which run on the kernel of
# the machine that builds. Those that work outside are tried there as well, so that a refusal inside proves something.
# contexts: session user root alone
. "$COOP_VM_LIB"

cat >attacks.py <<'PY'
import ctypes, errno, fcntl, os, pty, resource, signal, socket, struct, sys

libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result

def libc_call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def reaches_kernel(number, *arguments):
    # A wrong argument: any answer but these comes from the kernel's own check.
    try:
        call(number, *arguments)
    except OSError as failure:
        if failure.errno in (errno.EPERM, errno.ENOSYS, errno.EACCES):
            raise

def in_child(action):
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except OSError as failure:
            os._exit(failure.errno % 256 or 255)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code if code > 0 else errno.EPERM, "")

def type_into_terminal():
    leader, user = pty.openpty()
    os.setsid()
    fcntl.ioctl(user, 0x540E, 0)  # TIOCSCTTY
    fcntl.ioctl(user, 0x5412, b"x")  # TIOCSTI

def connect(address):
    with socket.socket() as number:
        number.settimeout(3)
        number.connect(address)

def connect_abstract(name):
    with socket.socket(socket.AF_UNIX) as number:
        number.connect("\0" + name)

def kill_first():
    os.kill(1, signal.SIGKILL)
    if os.path.exists("/proc/1"):
        raise OSError(errno.EPERM, "")

def find_host():
    names = [name for name in os.listdir("/proc") if name.isdigit()]
    if len(names) > 10:
        return
    raise OSError(errno.ESRCH, "")

def symlink_out():
    # A magic link leads to where the kernel says, not where a path does.
    os.listdir("/proc/1/root/home")

def rewrite(path):
    # Opening is enough.
    os.close(os.open(path, os.O_WRONLY))

NEWUSER, NEWNS = 0x10000000, 0x00020000
host_file, abstract, port = sys.argv[2], sys.argv[3], int(sys.argv[4])
attacks = {
    "new user namespace (unshare)": lambda: libc_call("unshare", NEWUSER),
    "new user namespace (clone)": lambda: os._exit(0) if call(56, NEWUSER | signal.SIGCHLD, 0, 0, 0, 0) == 0 else None,
    "new mount namespace": lambda: libc_call("unshare", NEWNS),
    "mount": lambda: libc_call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "mount in a new user namespace": lambda: (libc_call("unshare", NEWUSER | NEWNS), libc_call("mount", b"none", b"/tmp", b"tmpfs", 0, None)),
    "unmount": lambda: libc_call("umount2", b"/usr", 2),
    "open_tree": lambda: call(428, -100, ctypes.c_char_p(b"/usr"), 1),
    "fsopen": lambda: call(430, ctypes.c_char_p(b"tmpfs"), 0),
    "chroot": lambda: os.chroot("/tmp"),
    "keyctl": lambda: reaches_kernel(250, 0, -3, 0),
    "add_key": lambda: reaches_kernel(248, ctypes.c_char_p(b"user"), ctypes.c_char_p(b"coop"), ctypes.c_char_p(b"x"), 1, -3),
    "bpf": lambda: reaches_kernel(321, 0x7FFF, 0, 0),
    "userfaultfd": lambda: reaches_kernel(323, 1),
    "io_uring": lambda: reaches_kernel(425, 1, ctypes.create_string_buffer(256)),
    "perf_event_open": lambda: reaches_kernel(298, ctypes.create_string_buffer(struct.pack("II", 1, 120), 128), 0, -1, -1, 0),
    "setns": lambda: reaches_kernel(308, -1, 0),
    "ptrace of a child": lambda: trace_child(),
    "TIOCSTI": lambda: in_child(type_into_terminal),
    "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
    "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close(),
    "AF_ALG socket": lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET, 0).close(),
    "AF_VSOCK socket": lambda: socket.socket(40, socket.SOCK_STREAM, 0).close(),
    "connect to a service of the host": lambda: connect(("127.0.0.1", port)),
    "connect to an address outside": lambda: connect(("192.0.2.1", 80)),
    "connect to an abstract socket of the host": lambda: connect_abstract(abstract),
    "kill the first process": kill_first,
    "see the host's processes": find_host,
    "set the first process's limits": lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0)),
    "set a parent's limits": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0)),
    "read the first process's memory": lambda: open("/proc/1/mem", "rb").close(),
    "go through the first process's root": symlink_out,
    "read a file of the host": lambda: open(host_file).close(),
    "write core_pattern": lambda: rewrite("/proc/sys/kernel/core_pattern"),
    "write sysrq-trigger": lambda: rewrite("/proc/sysrq-trigger"),
    "write into /usr": lambda: os.mkdir("/usr/coop-attack"),
    "set the host name": lambda: libc_call("sethostname", b"x", 1),
    "make a device": lambda: os.mknod("/tmp/coop-device", 0o20666, os.makedev(1, 3)),
    "read the kernel log": lambda: reaches_kernel(103, 10, 0, 0),
}

def trace_child():
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        if libc.ptrace(0x4206, child, None, None) < 0:  # PTRACE_SEIZE
            raise OSError(ctypes.get_errno(), "")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

# Each in a process of its own: one that works must not help the next.
only = sys.argv[1]
for name, attack in attacks.items():
    if only not in ("all", name):
        continue
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            attack()
            print(name + ": WORKED")
        except OSError as failure:
            print(name + ": refused " + errno.errorcode.get(failure.errno, str(failure.errno or failure)))
        except ValueError as failure:
            print(name + ": refused " + type(failure).__name__)
        sys.stdout.flush()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        print(name + ": broken %d" % status)
print("end")
PY
cat >host.py <<'PY'
# Services of the host, for as long as somebody holds the pipe.
import socket, sys
tcp = socket.create_server(("127.0.0.1", 0))
name = "coop-vm-" + str(tcp.getsockname()[1])
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\0" + name)
abstract.listen()
open("place", "w").write(f"{name} {tcp.getsockname()[1]}\n")
open("hold").read()
PY
mkfifo hold
: >"$HOME/secret-of-the-host"
python3 host.py &
services=$!
exec 9>hold
within 60 test -s place
read -r abstract port <place

ends "the attacks run inside to their end" 0 coop run --network none -- python3 "$PWD/attacks.py" all "$HOME/secret-of-the-host" "$abstract" "$port"
says "all of them" out '^end$'
cp out inside
grep -v '^end$' inside >each
while IFS= read -r line; do
    case $line in
    *": refused "*) ok "refused: ${line%%: refused *}" ;;
    *) not_ok "refused: ${line%%: *}" "$line" ;;
    esac
done <each

# Only harmless ones, one by one: what is meant for the first process would meet the machine's.
for attack in "keyctl" "new user namespace (unshare)" "ptrace of a child" "TIOCSTI" "connect to a service of the host" \
    "connect to an abstract socket of the host" "read a file of the host" "see the host's processes" "io_uring"; do
    python3 attacks.py "$attack" "$HOME/secret-of-the-host" "$abstract" "$port" >outside 2>&1
    says "works outside: $attack" outside ': WORKED$'
done
exec 9>&-
wait "$services"
rm "$HOME/secret-of-the-host"
coop doctor --json >out 2>err </dev/null
equal "the doctor's own probe got through nowhere" 0 "$(grep -c 'the probe got through' out)"

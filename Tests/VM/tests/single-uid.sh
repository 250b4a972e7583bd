# Without subordinate ids the workload has the warden's own kernel uid: it must not be able to end or limit it.
# contexts: session alone
. "$COOP_VM_LIB"

ends "there is a single mapping" 0 coop run -- cat /proc/self/uid_map
equal "of one id" "1 1" "$(awk '{ lines++; size = $3 } END { print lines, size }' out)"
cat >attack.py <<'PY'
import ctypes, os, resource, signal

def attempt(name, action):
    try:
        action()
        print(name, "went through")
    except (OSError, PermissionError, ValueError) as failure:
        print(name, type(failure).__name__, getattr(failure, "errno", None))

# Signals to PID 1 from inside are dropped by the kernel or refused; what counts is that the warden lives on.
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGABRT, signal.SIGXCPU):
    attempt("kill", lambda: os.kill(1, number))
attempt("prlimit-cpu", lambda: resource.prlimit(1, resource.RLIMIT_CPU, (1, 1)))
attempt("prlimit-nofile", lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0)))
attempt("prlimit-fsize", lambda: resource.prlimit(1, resource.RLIMIT_FSIZE, (0, 0)))
for file in ("mem", "environ", "maps"):
    attempt("open-" + file, lambda: open("/proc/1/" + file, "rb").read(1))
attempt("fd", lambda: os.listdir("/proc/1/fd"))
libc = ctypes.CDLL(None, use_errno=True)
print("ptrace", "went through" if libc.ptrace(16, 1, 0, 0) == 0 else "refused")
print("alive", os.path.exists("/proc/1"))
PY
ends "the warden survives the workload's attacks" 0 coop run -- python3 "$PWD/attack.py"
for attack in prlimit-cpu prlimit-nofile prlimit-fsize open-mem open-environ open-maps fd ptrace; do
    if grep -q "^$attack " out && ! grep -q "^$attack .*went through" out; then ok "$attack is refused"; else not_ok "$attack is refused" "$(grep "^$attack " out)"; fi
done
says "and the workload goes on to its end" out '^alive True'

# Where no cgroup can be had, what rlimits can do is done by rlimits and said so; what they cannot is refused with the
# remedy, unless it is given up by name.
# contexts: alone
. "$COOP_VM_LIB"

ends "--cpus, which no rlimit can do, is refused" 126 coop run --cpus 0.5 -- sh -c 'echo ran'
equal "nothing ran" "" "$(cat out)"
says "it says why" err '^coop: .*cgroup'
says "it says what to do" err '^Next: .*--degraded=cpu'
ends "--degraded=cpu goes on without" 0 coop run --cpus 0.5 --degraded=cpu -- sh -c 'echo ran'
equal "and runs" ran "$(cat out)"

cat >bomb.py <<'PY'
import errno, os, signal
made = 0
try:
    for _ in range(200):
        if os.fork() == 0:
            signal.pause()
        made += 1
    print(made, "none")
except OSError as failure:
    print(made, errno.errorcode[failure.errno])
PY
ends "--pids holds by RLIMIT_NPROC" 0 coop run --pids 32 -- python3 "$PWD/bomb.py"
read -r made reason <out || made=none reason=
equal "a fork bomb is stopped" EAGAIN "$reason"
if [ "$made" != none ] && [ "$made" -lt 33 ]; then ok "at 32 processes"; else not_ok "at 32 processes" "$made"; fi
ends "--memory holds for one process" "1 137" coop run --memory 64M -- python3 -c 'b = b"x" * (256 << 20); print(len(b))'
equal "which gets no more" "" "$(cat out)"

ends "explain --json succeeds" 0 coop explain --json --memory 64M --pids 32 -- true
says "it names the rlimits" out 'RLIMIT_DATA'
says "and that they are weaker" out 'weaker'

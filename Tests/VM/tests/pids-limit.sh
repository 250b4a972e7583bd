# --pids stops a fork bomb inside, and the machine does not notice.
# contexts: session user root
. "$COOP_VM_LIB"

cat >bomb.py <<'PY'
import os, signal
made = 0
try:
    for _ in range(400):
        if os.fork() == 0:
            signal.pause()
        made += 1
    reason = "none"
except OSError as failure:
    import errno
    reason = errno.errorcode[failure.errno]
print(made, reason)
PY
ends "a fork bomb under --pids 32 is stopped, and the run ends" 0 coop run --pids 32 -- python3 "$PWD/bomb.py"
read -r made reason <out || made=none reason=
equal "by EAGAIN" EAGAIN "$reason"
# The warden and python itself count.
if [ "$made" != none ] && [ "$made" -ge 20 ] && [ "$made" -lt 32 ]; then ok "at 32 processes"; else not_ok "at 32 processes" "$made"; fi
ends "a shell's fork bomb ends too" "0 1 2 124 137 143 254" coop run --pids 32 --timeout 5s -- sh -c 'bomb() { bomb | bomb & }; bomb; wait'
holds "outside, processes can be made meanwhile and after" sh -c 'for i in 1 2 3 4 5 6 7 8; do (true) & done; wait'
holds "none of the bomb's processes is left" within 5 sh -c '! pgrep -f "[b]omb.py" && ! pgrep -f "[b]omb \| bomb"'
no_cgroup_left "no cgroup of coop's is left after the run"

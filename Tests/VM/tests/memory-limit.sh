# --memory is the kernel's limit on the whole sandbox, and it concerns nobody else.
# contexts: session user root
. "$COOP_VM_LIB"

# A neighbour in the caller's own cgroup, larger than the sandbox may become: if the limit were put on the wrong cgroup, it
# would be the kernel's first victim.
mkfifo hold
python3 -c 'held = b"x" * (96 << 20); open("neighbour", "w").write("held"); open("hold").read()' &
neighbour=$!
within 20 grep -q held neighbour

ends "256 MB under --memory 64M is killed" 137 coop run --memory 64M -- python3 -c 'b = b"x" * (256 << 20); print(len(b))'
equal "before it can go on" "" "$(cat out)"
holds "a neighbour outside lives on" kill -0 "$neighbour"
ends "32 MB under --memory 64M is not" 0 coop run --memory 64M -- python3 -c 'b = b"x" * (32 << 20); print(len(b))'
equal "and goes on" 33554432 "$(cat out)"
cat >ten.py <<'PY'
import os, signal
for _ in range(10):
    if os.fork() == 0:
        held = b"x" * (24 << 20)
        signal.pause()
# At least half of the ten cannot fit into 64 MB.
killed = 0
for _ in range(5):
    _, status = os.wait()
    killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
print(killed)
PY
# The kernel ends those that do not fit, and nobody else ends the rest: systemd, told of it, would stop a scope that is not
# delegated. An engine that has the whole sandbox ended (memory.oom.group) is as good.
code=0
coop run --memory 64M -- python3 "$PWD/ten.py" >out 2>err </dev/null || code=$?
case "$code $(cat out)" in
'0 5' | '137 ') ok "ten processes share the one limit" ;;
*) not_ok "ten processes share the one limit" "exit code $code, killed: $(cat out), $(tail -n 2 err | tr '\n' ' ')" ;;
esac

# The value itself, in the unified hierarchy.
coop run --memory 64M -- sh -c 'echo started; read line' >started 2>err <hold &
runner=$!
exec 9>hold
begun "$runner" || not_ok "the run starts" "$(tr '\n' ' ' <err)"
inside=$(pgrep -f '^sh -c echo started' | tail -n 1)
equal "memory.max is the limit" $((64 << 20)) "$(limit_of "$inside" memory.max)"
swap=$(cat "$(cgroup_of "$inside")/memory.swap.max" 2>/dev/null || echo 0)
case $swap in 0 | max) ok "swap does not widen it (the machine has none)" ;; *) not_ok "swap does not widen it" "memory.swap.max is $swap" ;; esac
exec 9>&-
wait "$runner"
kill "$neighbour" 2>/dev/null
wait "$neighbour" 2>/dev/null
no_cgroup_left "no cgroup of coop's is left after the run"

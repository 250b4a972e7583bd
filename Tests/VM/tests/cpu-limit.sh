# --cpus is the quota of the sandbox's own cgroup. The value is read, not timed: emulated processors keep no time.
# contexts: session user root
. "$COOP_VM_LIB"

mkfifo hold
coop run --cpus 0.5 -- sh -c 'echo started; read line' >started 2>err <hold &
runner=$!
exec 9>hold
begun "$runner" || not_ok "the run starts" "$(tr '\n' ' ' <err)"
inside=$(pgrep -f '^sh -c echo started' | tail -n 1)
limit=$(limit_of "$inside" cpu.max)
equal "cpu.max is half of a processor" 50 "$(echo "$limit" | awk '$2 > 0 { printf "%d", 100 * $1 / $2 }')"
own=$(cgroup_of self)
case $(cgroup_of "$inside") in
"") not_ok "the sandbox has a cgroup of its own" "it does not run" ;;
"$own") not_ok "the sandbox has a cgroup of its own" "it shares $own with the caller" ;;
*) ok "the sandbox has a cgroup of its own" ;;
esac
exec 9>&-
code=0
wait "$runner" || code=$?
# `read` saw the end of its input.
equal "the run ends by itself" 1 "$code"
no_cgroup_left "no cgroup of coop's is left after the run"

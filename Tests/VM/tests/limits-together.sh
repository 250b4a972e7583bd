# All limits hold at once, for as long as the sandbox runs. A process is in one cgroup only: limits that were put on two
# cgroups would lose the first. And systemd resets, at a daemon-reload, what others wrote to the files of its units.
# contexts: session user root
. "$COOP_VM_LIB"

manager=--user
[ "$COOP_VM_CONTEXT" != root ] || manager=--system

limits_hold() {  # limits_hold WHEN PID
    equal "memory, $1" $((64 << 20)) "$(limit_of "$2" memory.max)"
    # The warden may be counted on top.
    case $(limit_of "$2" pids.max) in
    32 | 33) ok "pids, $1" ;;
    *) not_ok "pids, $1" "pids.max is '$(limit_of "$2" pids.max)'" ;;
    esac
    equal "cpu, $1" 50 "$(limit_of "$2" cpu.max | awk '{ printf "%d", 100 * $1 / $2 }')"
}

mkfifo hold
coop run --memory 64M --pids 32 --cpus 0.5 -- sh -c 'echo started; read line' >started 2>err <hold &
runner=$!
exec 9>hold
if begun "$runner"; then ok "a run with three limits starts"; else not_ok "a run with three limits starts" "$(tr '\n' ' ' <err)"; fi
inside=$(pgrep -f '^sh -c echo started' | tail -n 1)
limits_hold "while it runs" "$inside"
holds "systemd reads its units again" systemctl "$manager" daemon-reload
limits_hold "after systemd's daemon-reload" "$inside"
exec 9>&-
wait "$runner"
no_cgroup_left "no cgroup of coop's is left after the run"

# Where no cgroup can be had, a limit is refused with the remedy, unless it is given up by name; rlimits are still set.
# contexts: alone
. "$COOP_VM_LIB"

for option in '--memory 64M' '--pids 32' '--cpus 0.5'; do
    # shellcheck disable=SC2086
    ends "$option is refused" "125 126" coop run $option -- sh -c 'echo ran'
    equal "$option: nothing ran" "" "$(cat out)"
    says "$option: it says why" err '^coop: .*cgroup'
    says "$option: it says what to do" err '^Next: '
done
ends "--degraded goes on without the limits" 0 coop run --memory 256M --pids 64 --cpus 0.5 --degraded=memory,pids,cpu -- sh -c 'ulimit -a'
# pids and memory have rlimits that come near: RLIMIT_NPROC and RLIMIT_DATA or RLIMIT_AS.
says "rlimits are set instead: processes" out '^(process|max user processes)[^0-9]*[0-9]+$'
ends "explain --json says so" 0 coop explain --json --memory 256M --degraded=memory,pids,cpu -- true
says "it names rlimits" out 'rlimit'

# For the tests in the VM: `. "$COOP_VM_LIB"`. Each test prints `ok NAME` or `not ok NAME - why` lines and exits 0;
# the harness counts the lines.

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1 - $2"; }
skip() { echo "ok $1 # skip $2"; }
talk() { sed 's/^/    /'; }

# equal NAME EXPECTED ACTUAL
equal() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected '$2', got '$3'"; fi
}

# holds NAME COMMAND...: the command succeeds.
holds() {
    name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name" "failed: $*"; fi
}

# ends NAME CODES COMMAND...: the command ends with one of the exit codes ('125 126'). Its output is in ./out and ./err.
ends() {
    name=$1
    codes=$2
    shift 2
    code=0
    "$@" >out 2>err </dev/null || code=$?
    for wanted in $codes; do
        if [ "$code" = "$wanted" ]; then ok "$name"; return 0; fi
    done
    not_ok "$name" "exit code $code, not $codes: $(tail -n 3 err | tr '\n' ' ')"
    return 0
}

# says NAME FILE PATTERN: the file has a line that matches the extended expression.
says() {
    if grep -Eq -- "$3" "$2"; then ok "$1"; else not_ok "$1" "no line matches /$3/ in: $(head -c 400 "$2" | tr '\n' '|')"; fi
}

# within SECONDS COMMAND...: whether the command succeeds before the time is over. Emulation is slow and systemd works in
# the background: a test waits for a state, never for a time.
within() {
    end=$(($(cut -d . -f 1 /proc/uptime) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(cut -d . -f 1 /proc/uptime)" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# begun PID: waits until a run in the background has written `started` into ./started, or has ended; whether it has begun.
begun() {
    within 60 sh -c "grep -q started started || ! grep -q '^State:.[^ZX]' /proc/$1/status"
    grep -q started started
}

# cgroup_of PID: its directory in the unified hierarchy; nothing for a process that is not there.
cgroup_of() {
    [ -n "$1" ] && [ -e "/proc/$1/cgroup" ] || return 0
    echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")"
}

# limit_of PID FILE: the nearest value that is not `max` (memory.max, pids.max, cpu.max), from the process's cgroup up.
limit_of() {
    directory=$(cgroup_of "$1")
    while [ "$directory" != /sys/fs/cgroup ] && [ -n "$directory" ]; do
        case $(cat "$directory/$2" 2>/dev/null) in
        '' | max*) ;;
        *) cat "$directory/$2"; return 0 ;;
        esac
        directory=${directory%/*}
    done
    return 1
}

# coop's cgroups, wherever they are: a scope coop-*.scope of systemd, or a directory coop-* or coop.
coop_cgroups() {
    find /sys/fs/cgroup -mindepth 1 -type d \( -name 'coop-*' -o -name coop \) 2>/dev/null
}
no_coop_cgroup() { [ -z "$(coop_cgroups)" ]; }

# no_cgroup_left NAME: none of coop's is there, or will soon be: systemd removes its own in the background.
no_cgroup_left() {
    if within 5 no_coop_cgroup; then
        ok "$1"
    else
        not_ok "$1" "$(for group in $(coop_cgroups); do echo "$group: $(tr '\n' ' ' <"$group/cgroup.procs")"; done)"
    fi
}

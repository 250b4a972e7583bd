#!/bin/sh
# Runs inside the test VM, as root: every test of the second drive in every context it asks for. What goes to the
# second serial port is read by run.sh: lines of a test as they are, and lines that begin with `@@` about it.
#
# A test names its contexts in a line `# contexts: session user root alone`:
#   session  cooptest, logged in (su -l through PAM): a session scope of logind, below which nothing is delegated, and
#            the user's own systemd in reach, from which a delegated scope can be had. The ordinary case: ssh, a console
#   user     cooptest, in a service of the user's systemd: a terminal of a desktop
#   root     root, in a service of the system
#   alone    cooplone, without session, without a user's systemd, in a cgroup that is root's: nothing is delegated
set -u

payload=/mnt/payload
report=/dev/ttyS1
stty -F "$report" raw -echo
say() { printf '@@ %s\n' "$*" >"$report"; }

mkdir -p /usr/local/bin
install -m 755 "$payload"/bin/* /usr/local/bin/
export PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin LANG=C.UTF-8
seconds=$(cat "$payload/seconds")

# A plain script beside the environment, because each context passes variables on in its own way.
cat >/usr/local/bin/vm-test <<'RUN'
#!/bin/sh
export PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin LANG=C.UTF-8 COOP_VM_CONTEXT="$1" COOP_VM_LIB=/mnt/payload/lib.sh
directory=$(mktemp -d "${HOME:-/root}/work.XXXXXX") && cd "$directory" || exit 99
sh "/mnt/payload/tests/$2"
code=$?
cd / && rm -rf "$directory"
exit "$code"
RUN
chmod 755 /usr/local/bin/vm-test

run_as() {  # run_as CONTEXT TEST
    case $1 in
    root)
        timeout --kill-after=5 "$seconds" systemd-run --quiet --pipe --wait --collect --unit=vm-test-root \
            --setenv=HOME=/root vm-test "$1" "$2"
        ;;
    session) timeout --kill-after=5 "$seconds" su -l cooptest -c "vm-test $1 $2" ;;
    user)
        timeout --kill-after=5 "$seconds" setpriv --reuid=1000 --regid=1000 --init-groups env HOME=/home/cooptest \
            XDG_RUNTIME_DIR=/run/user/1000 systemd-run --user --quiet --pipe --wait --collect \
            --setenv=HOME=/home/cooptest --setenv=XDG_RUNTIME_DIR=/run/user/1000 vm-test "$1" "$2"
        ;;
    alone)
        timeout --kill-after=5 "$seconds" setpriv --reuid=1001 --regid=1001 --init-groups --reset-env vm-test "$1" "$2"
        ;;
    *) echo "not ok a test asked for the context $1, which does not exist" ;;
    esac
}

# What a test left behind (it hangs, or the sandbox's clean-up failed) must neither disturb nor delay the next one.
sweep() {
    find /sys/fs/cgroup/user.slice /sys/fs/cgroup/system.slice -depth -type d \
        \( -name 'session-*.scope' -o -name 'run-*.service' -o -name 'vm-test-*.service' -o -name 'coop*' \) 2>/dev/null |
        while read -r group; do echo 1 >"$group/cgroup.kill"; done 2>/dev/null
    # A directory that coop made itself, not systemd, stays until somebody removes it.
    for try in 1 2 3 4 5; do
        left=$(find /sys/fs/cgroup -depth -mindepth 1 -type d -name 'coop*' 2>/dev/null)
        [ -n "$left" ] || break
        echo "$left" | while read -r group; do rmdir "$group"; done 2>/dev/null
        sleep 0.2
    done
    pkill -KILL -u cooplone
}

say "booted $(cut -d ' ' -f 1 /proc/uptime) $(uname -r)"
mkfifo /run/vm-output
for path in "$payload"/tests/*.sh; do
    test=$(basename "$path")
    contexts=$(sed -n 's/^# contexts: //p' "$path" | head -n 1)
    for context in ${contexts:-session}; do
        say "start $context $test"
        before=$(cut -d ' ' -f 1 /proc/uptime)
        # A pipe, because a terminal as stdout changes what programs say.
        cat /run/vm-output >"$report" &
        reader=$!
        code=0
        run_as "$context" "$test" >/run/vm-output 2>&1 </dev/null || code=$?
        after=$(cut -d ' ' -f 1 /proc/uptime)
        sweep
        # The reader ends with the last process that has the pipe; what survives even the sweep is not waited for.
        (sleep 5; kill "$reader") 2>/dev/null &
        wait "$reader"
        say "end $context $test $code $before $after"
    done
done
say done
sync

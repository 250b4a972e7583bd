#!/bin/sh
# install-packages.sh run|test|bench: finds out which system packages are missing for a purpose, names them with the
# reason, and installs them: as root, or with sudo. Where neither can be, it prints the command for whoever can.
#
# COOP_NO_INSTALL=1 only names them.
set -eu

usage() {
    echo "usage: install-packages.sh run|test|bench" >&2
    exit 2
}
[ $# = 1 ] || usage
purpose=$1
case $purpose in run | test | bench) ;; *) usage ;; esac

# Tools of administrators are not in every user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

# purposes | need | there is | package | what for
#   need: `must`, or `may` where things work without it, only weaker or with less to compare.
#   there is: a command; `a/b` for either; `/path` for a file; `?NAME` for a function below.
table() {
    cat <<'END'
run,test,bench | must | git                    | git                | fetching dependencies; repositories in sandboxes
run,test,bench | must | make                   | make               | building, here and inside
run,test,bench | must | gcc                    | gcc                | linking; C programs inside
run,test,bench | must | ?c_headers             | libc6-dev          | compiling the system call layer
run,test,bench | must | ?static_cxx            | g++                | linking statically against the C++ runtime
run,test,bench | must | /usr/include/yaml.h    | libyaml-dev        | reading YAML, for coop config import
run,test,bench | must | /usr/include/sqlite3.h | libsqlite3-dev     | the event log of a session
run,bench      | must | strip                  | binutils           | installing and measuring without symbols
run,test,bench | must | ps                     | procps             | listing processes
run,test,bench | may  | newuidmap              | uidmap             | a warden that runs as another user than the command
test           | must | ?system_python         | python3            | Python inside
test           | must | ?system_venv           | python3-venv       | virtual environments inside
test           | must | ?python_websockets     | python3-websockets | a client of the WebSocket tests
test           | must | less                   | less               | a full-screen program inside
test           | must | vim/vim.tiny           | vim-tiny           | a full-screen program inside
test           | must | htop                   | htop               | a full-screen program inside
test           | must | tmux                   | tmux               | a terminal to test with
test           | must | expect                 | expect             | a terminal to test with
test           | must | runuser                | util-linux         | tests as other users
test           | must | setpriv                | util-linux         | tests as other users
test           | must | curl                   | curl               | a client of the network tests
test           | must | openssl                | openssl            | certificates for the network tests
test           | must | /etc/ssl/certs/ca-certificates.crt | ca-certificates | what programs inside trust
test           | must | node                   | nodejs             | Node.js inside
test           | may  | npm                    | npm                | a client of the network tests
test           | may  | wget                   | wget               | a client of the network tests
test           | may  | certutil               | libnss3-tools      | a client of the network tests, with a trust store of its own
test           | may  | gnutls-cli             | gnutls-bin         | a client of the network tests, with a TLS library of its own
test           | may  | secret-tool            | libsecret-tools    | the Secret Service as a source of credentials
test           | may  | gnome-keyring-daemon   | gnome-keyring      | a Secret Service
test           | may  | dbus-run-session       | dbus-daemon        | a session bus for it
test           | may  | dbus-send              | dbus-bin           | asking that bus
test           | may  | go                     | golang-go          | a client of the network tests
test           | may  | javac                  | default-jdk-headless | a client of the network tests
test           | must | cargo                  | cargo              | Rust inside
test           | must | rustc/cargo            | rustc              | Rust inside
bench          | must | python3                | python3            | running the measurements
bench          | may  | bwrap                  | bubblewrap         | a sandbox to compare with
bench          | may  | podman                 | podman             | containers to compare with
bench          | may  | crun                   | crun               | the runtime of those containers
bench          | may  | /usr/lib/podman/netavark | netavark         | the network of those containers
bench          | may  | iptables               | iptables           | the network of those containers
bench          | may  | mitmdump               | mitmproxy          | a proxy to compare with
END
}

c_headers() { printf '#include <stdio.h>\n#include <linux/types.h>\n' | gcc -E -x c - >/dev/null 2>&1; }
static_cxx() { file=$(gcc -print-file-name=libstdc++.a 2>/dev/null) && [ "$file" != libstdc++.a ]; }
# The system's own, which every user may run and every sandbox shows; one in root's home is neither.
system_python() { [ -x /usr/bin/python3 ]; }
system_venv() { [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

python_websockets() { /usr/bin/python3 -c 'import websockets' >/dev/null 2>&1; }

is_there() {
    case $1 in
    \?*) "${1#\?}" ;;
    /*) [ -e "$1" ] ;;
    */*) command -v "${1%%/*}" >/dev/null 2>&1 || command -v "${1#*/}" >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

# Prints `need package` for what is missing, and says why on standard error.
missing() {
    table | while IFS='|' read -r purposes need check package reason; do
        # Without the padding of the table.
        purposes=$(echo $purposes) need=$(echo $need) check=$(echo $check) package=$(echo $package) reason=$(echo $reason)
        case ",$purposes," in *",$purpose,"*) ;; *) continue ;; esac
        is_there "$check" && continue
        echo "make $purpose: $package is missing ($reason)" >&2
        echo "$need $package"
    done
}

list=$(missing)
[ -n "$list" ] || exit 0
packages=$(echo "$list" | awk '!seen[$2]++ { printf " %s", $2 }')
required=$(echo "$list" | awk '$1 == "must" && !seen[$2]++ { printf " %s", $2 }')
optional=$(echo "$list" | awk '$1 == "may" && !seen[$2]++ { printf " %s", $2 }')

# Goes on where only something optional is missing.
give_up() {
    if [ -z "$required" ]; then
        echo "make $purpose: going on without$optional" >&2
        exit 0
    fi
    echo "coop: packages are missing:$required" >&2
    echo "Next: $1" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || give_up "install what your system calls$packages"
install="apt-get install --yes --no-install-recommends$packages"
if [ "$(id -u)" = 0 ]; then
    become=
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    become=sudo
else
    give_up "sudo $install"
fi
[ -z "${COOP_NO_INSTALL:-}" ] || give_up "${become:+sudo }$install"

DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
# shellcheck disable=SC2086
get() { $become apt-get install --yes --no-install-recommends "$@" >&2; }
echo "make $purpose: ${become:+$become }$install" >&2
# shellcheck disable=SC2086
if get $packages; then exit 0; fi
# A machine that has never been updated knows no packages, and an old list names versions that are gone.
$become apt-get update >&2
# shellcheck disable=SC2086
if get $packages; then exit 0; fi
# One that this system does not have must not keep the others out.
# shellcheck disable=SC2086
if [ -n "$required" ] && [ -n "$optional" ] && get $required; then required=; fi
give_up "${become:+sudo }$install"

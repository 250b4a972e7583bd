#!/bin/sh
# demonstrate.sh BIN_DIR: builds, tests and commits a small C project in a sandbox with the coop of BIN_DIR, and asks the
# same questions inside and outside, to show what the sandbox could not see. Leaves nothing behind.
set -eu

[ $# = 1 ] && [ -x "$1/coop" ] || { echo "usage: demonstrate.sh BIN_DIR (with coop and coop-warden)" >&2; exit 2; }
PATH=$(cd "$1" && pwd):$PATH
export PATH

work=$(mktemp -d "${TMPDIR:-/tmp}/coop-demonstration.XXXXXX")
listener=
MARKER=$(mktemp "$HOME/.coop-demonstration.XXXXXX")
export MARKER
finish() {
    [ -z "$listener" ] || kill "$listener" 2>/dev/null || true
    rm -rf "$work" "$MARKER"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A home of coop's own for this run, so that yours stays as it is.
export COOP_HOME="$work/coop"
project=$work/greeting
mkdir -m 700 "$COOP_HOME"
mkdir "$project"
cd "$project"

cat >greeting.c <<'END'
#include <stdio.h>
#include <string.h>

static const char *greeting(const char *name) {
    static char text[64];
    snprintf(text, sizeof text, "Hello, %s!", name);
    return text;
}

int main(int argc, char **argv) {
    if (argc > 1) return puts(greeting(argv[1])) < 0;
    return strcmp(greeting("coop"), "Hello, coop!") != 0;
}
END
printf 'test: greeting\n\t./greeting && ./greeting coop\n\ngreeting: greeting.c\n\t$(CC) -O2 -Wall -o $@ $<\n' >Makefile
echo greeting >.gitignore

# What is asked on both sides: a question and its answer, separated by a tab.
cat >look.sh <<'END'
count() { echo $#; }
printf 'files and directories in %s\t%s\n' "$HOME" "$(ls -A "$HOME" 2>/dev/null | wc -l)"
if [ -r "$MARKER" ]; then marker=readable; else marker='does not exist'; fi
printf 'a file in %s, made just now\t%s\n' "$HOME" "$marker"
if [ -d "$HOME/.ssh" ]; then ssh="$(ls -A "$HOME/.ssh" | wc -l) files"; else ssh='does not exist'; fi
printf '%s\t%s\n' "$HOME/.ssh" "$ssh"
printf 'home directories in /home\t%s\n' "$(ls -A /home 2>/dev/null | wc -l)"
printf 'processes that can be seen\t%s\n' "$(count /proc/[0-9]*)"
printf 'network devices\t%s\n' "$(sed -n '3,$s/ *\([^:]*\):.*/\1/p' /proc/net/dev | tr '\n' ' ')"
if [ "$PORT" = 0 ]; then port='not tried'
elif perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Timeout => 3)' "$PORT"; then port=answers
else port='nobody there'; fi
printf 'a server of the host on 127.0.0.1:%s\t%s\n' "$PORT" "$port"
printf 'the variable DEMO_API_TOKEN\t%s\n' "${DEMO_API_TOKEN:-not set}"
if [ -w /etc/shadow ] || [ -r /etc/shadow ]; then shadow=readable; elif [ -e /etc/shadow ]; then shadow='not readable'; else shadow='does not exist'; fi
printf '/etc/shadow\t%s\n' "$shadow"
# shellcheck disable=SC2012
printf 'unix sockets in /run\t%s\n' "$(find /run -type s 2>/dev/null | wc -l)"
END

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$1"; }
fail() {
    echo "make run: $1" >&2
    echo 'Next: coop doctor' >&2
    exit 1
}
show() {
    say "\$ $*"
    "$@"
}

# A service that only this machine may reach.
PORT=0
if perl -MIO::Socket::INET -e 1 2>/dev/null; then
    perl -MIO::Socket::INET -e '
        $| = 1;
        my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 5) or exit 1;
        print $server->sockport, "\n";
        while (my $client = $server->accept) { close $client }' >"$work/port" &
    listener=$!
    tries=0
    until [ -s "$work/port" ] || [ $tries = 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    [ ! -s "$work/port" ] || PORT=$(cat "$work/port")
fi
export PORT DEMO_API_TOKEN=a-secret-of-yours

git init -q .
git add greeting.c Makefile .gitignore
git -c user.name=You -c user.email=you@example.com commit -q -m 'Greet'

show coop run -- make test
say "\$ coop run -- git commit: a commit made inside arrives in the repository outside, through its objects alone"
echo '/* built in a sandbox */' >>greeting.c
coop run -- git -c user.name=Agent -c user.email=agent@example.com commit -q -a -m 'Say where it was built'
git --no-pager log --format='%h %an: %s'
[ "$(git log -1 --format=%an)" = Agent ] || fail 'the commit has not arrived'

say 'The same questions outside and inside'
sh look.sh >"$work/outside"
coop run -e PORT="$PORT" -e MARKER="$MARKER" -- sh look.sh >"$work/inside"
paste "$work/outside" "$work/inside" | awk -F '\t' '
    BEGIN { printf "  %-44s %-20s %s\n", "", "on this machine", "in the sandbox" }
    { printf "  %-44s %-20s %s\n", $1, $2, $4 }'

for answer in 'a file in' 'a server of the host' 'the variable DEMO_API_TOKEN'; do
    case $(grep "^$answer" "$work/inside" | cut -f 2) in
    'does not exist' | 'nobody there' | 'not set' | 'not tried') ;;
    *) fail "the sandbox saw $answer …" ;;
    esac
done

say 'Writing where it may not'
# The shell inside expands the variables.
# shellcheck disable=SC2016
coop run -- sh -c 'for place in /etc/passwd /usr/bin/env .git/hooks/post-commit .vscode/tasks.json; do
    if echo x 2>/dev/null >>$place; then echo "  $place: written, inside only"; else echo "  $place: refused"; fi; done'
[ ! -e .git/hooks/post-commit ] || fail 'a hook has appeared in the repository outside'
echo '  (no hook has appeared in the repository outside)'

say '$ coop explain -- make test | the layers'
coop explain -- make test | sed -n '/^Layers/,/^$/p'

start=$(date +%s%N)
for _ in 1 2 3 4 5 6 7 8 9 10; do coop run -- true; done
end=$(date +%s%N)
say "A sandbox, from start to end: $(((end - start) / 10000000)) ms"
echo 'Next: make install; then, in a project of yours: coop run -- make test'

#!/bin/sh
# Makes the users that the tests run as: cooptest without subordinate ids, coopsub with a range of them.
# Does nothing where they exist as they should; needs root.
set -eu

if [ "$(id -u)" != 0 ]; then
    echo "test-users.sh: only root can add users; the tests then run as $(id -un) alone" >&2
    exit 1
fi

add() {
    id "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$1"
}

# Takes the lines of a user out of a file, keeping the file's owner and mode.
without() {
    [ -f "$2" ] || return 0
    grep -q "^$1:" "$2" || return 0
    kept=$(mktemp)
    grep -v "^$1:" "$2" >"$kept" || true
    cat "$kept" >"$2"
    rm -f "$kept"
}

add cooptest
without cooptest /etc/subuid
without cooptest /etc/subgid

add coopsub
for file in /etc/subuid /etc/subgid; do
    [ -f "$file" ] || : >"$file"
    grep -q '^coopsub:' "$file" && continue
    # Behind every range that is given away already.
    first=$(awk -F: 'BEGIN { top = 165536 } NF == 3 && $2 + $3 > top { top = $2 + $3 } END { print top }' "$file")
    echo "coopsub:$first:65536" >>"$file"
done

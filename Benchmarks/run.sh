#!/bin/sh
# Measures coop beside bubblewrap and podman, prints tables, and writes them into docs/benchmarks.md.
#
#   Benchmarks/run.sh [--long] [--only PART] [--rounds N] [--build DIRECTORY]
#
# PART: start, exec, commands, many, end, agents, memory, work, tasks, review, gateway, http, sessions, policy, audit, events.
#
# Needs a release build (make bench makes one), python3 and cc. As root it also makes the users of the tests, compares with
# podman and measures fresh cgroups; what is not installed is left out, and the page says so.
set -eu
here=$(dirname "$0")
for tool in python3 cc strip; do
    if ! command -v "$tool" >/dev/null; then
        echo "run.sh: $tool is missing" >&2
        echo "Next: apt-get install python3 gcc binutils" >&2
        exit 4
    fi
done
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$here/benchmark.py" "$@"

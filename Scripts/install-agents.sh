#!/bin/sh
# install-agents.sh DIRECTORY: puts the coding agents that the tests run into a virtual environment, once. Every user may use it.
set -eu
[ $# = 1 ] || { echo "usage: install-agents.sh DIRECTORY" >&2; exit 2; }
directory=$1
requirements=$(cd "$(dirname "$0")/.." && pwd)/Tests/EndToEndTests/Agents/requirements.txt
umask 022

# Whoever comes second waits for the first.
exec 9>"$directory.lock"
flock 9
cmp -s "$requirements" "$directory/ready" && exit 0

rm -rf "$directory"
/usr/bin/python3 -m venv "$directory"
"$directory/bin/pip" install -q --no-compile -r "$requirements"
# What they load at each start: nothing can be kept beside it in a sandbox.
packages=$(cd "$directory" && echo lib/python3*/site-packages)
(cd "$directory/$packages" && "$directory/bin/python" -m compileall -q -j 2 aider litellm minisweagent openai pydantic >/dev/null)
cp "$requirements" "$directory/ready"

#!/bin/sh
# require-swift.sh [SWIFT]: says what to do where Swift is missing or too old. Swift itself is not installed from here: no
# distribution packages it, and how to get it is the user's choice.
set -eu

swift=${1:-swift}
wanted=6.3
if ! command -v "$swift" >/dev/null 2>&1; then
    echo "coop: Swift $wanted is needed, and there is no $swift in PATH" >&2
    echo "Next: https://www.swift.org/install/linux" >&2
    exit 1
fi
found=$("$swift" --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
if [ -z "$found" ] || [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
    echo "coop: Swift $wanted is needed, and $swift is ${found:-of an unknown version}" >&2
    echo "Next: https://www.swift.org/install/linux" >&2
    exit 1
fi

#!/bin/sh
# embed.sh OUTPUT FILE...: writes a Swift file that holds the bytes of the files, by their names without the ending.
set -eu
output=$1
shift
{
    echo "enum EmbeddedData {"
    echo "    static let names = ["
    for file; do echo "        \"$(basename "$file" .toml)\","; done
    echo "    ]"
    echo "    static func bytes(_ name: String) -> [UInt8]? {"
    echo "        switch name {"
    count=0
    for file; do
        echo "        case \"$(basename "$file" .toml)\": file$count"
        count=$((count + 1))
    done
    echo "        default: nil"
    echo "        }"
    echo "    }"
    count=0
    for file; do
        echo "    private static let file$count: [UInt8] = ["
        od -An -v -tu1 "$file" | sed 's/ *\([0-9][0-9]*\)/\1,/g'
        echo "    ]"
        count=$((count + 1))
    done
    echo "}"
} >"$output"

import Glibc
import LinuxKernel
import TestSupport

/// Looks through a running sandbox from outside, as the host's root: the memory, environment and arguments of every process in its
/// pid namespace, and every file below some directories.
struct SecretSearch {
    /// What is looked for, each with the name by which a hit tells it. A value travels to the search on its standard input alone.
    let values: [(name: String, bytes: [UInt8])]

    /// - Parameters:
    ///   - warden: the sandbox's first process.
    ///   - beside: further processes whose environment and arguments alone are looked at: outside, they hold the value.
    ///   - directories: on the host, or `/proc/PID/root/…`.
    /// - Returns: the places of each value: `memory of python3`, `file …`.
    func run(warden: Int32, beside: [Int32], directories: [String]) throws -> [String: Set<String>] {
        let input = values.map { "\($0.name) \($0.bytes.map { String($0, radix: 16).leftPadded }.joined())\n" }.joined()
        let outcome = try ChildProcess.run(
            ["/usr/bin/python3", "-c", SecretSearch.script, String(warden), beside.map(String.init).joined(separator: ",")] + directories,
            input: .bytes(Array(input.utf8)), timeout: 300)
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        var result: [String: Set<String>] = [:]
        for line in outcome.output.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            if words.count == 2 { result[words[0], default: []].insert(words[1]) }
        }
        return result
    }

    private static let script = #"""
        import os, stat, sys
        values = {name: bytes.fromhex(text) for name, text in (line.split() for line in sys.stdin)}
        def look(data, place):
            for name, value in values.items():
                if value in data: print(name, place)
            print("looked", place.split()[0], len(data))
        def read(path):
            try:
                with open(path, "rb") as file: return file.read()
            except OSError: return b""
        first = int(sys.argv[1])
        space = os.stat(f"/proc/{first}/ns/pid").st_ino
        inside = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{entry}/ns/pid").st_ino == space: inside.append(int(entry))
            except OSError: pass
        for pid in inside + [int(word) for word in sys.argv[2].split(",") if word]:
            name = read(f"/proc/{pid}/comm").decode().strip()
            for part in ["environ", "cmdline"]: look(read(f"/proc/{pid}/{part}"), f"{part} of {name}")
        for pid in inside:
            name = read(f"/proc/{pid}/comm").decode().strip()
            # Processes come and go.
            try: memory, pages = open(f"/proc/{pid}/mem", "rb", 0), open(f"/proc/{pid}/pagemap", "rb", 0)
            except OSError: continue
            with memory, pages:
                for line in read(f"/proc/{pid}/maps").decode().splitlines():
                    bounds, access = line.split()[:2]
                    low, high = (int(word, 16) for word in bounds.split("-"))
                    if access[0] != "r": continue
                    pieces, place = [], low
                    while place < high:
                        size = min(1 << 21, high - place)
                        try:
                            # Some programs reserve gigabytes that they never touch (proc_pid_pagemap(5): swapped, present).
                            pages.seek(place >> 12 << 3)
                            if max(pages.read(size >> 12 << 3)[7::8], default=0) >= 0x40:
                                memory.seek(place)
                                pieces.append(memory.read(size))
                        except (OSError, ValueError, OverflowError): break
                        place += size
                    look(b"".join(pieces), f"memory of {name}")
        for top in sys.argv[3:]:
            for directory, _, files in os.walk(top):
                for file in files:
                    path = os.path.join(directory, file)
                    try: kind = os.lstat(path).st_mode
                    except OSError: continue
                    if stat.S_ISREG(kind): look(read(path), f"file {path}")
                    look(os.fsencode(file), f"name {path}")
        """#
}

extension String {
    fileprivate var leftPadded: String { count < 2 ? "0" + self : self }
}

import LinuxKernel

/// Lines of `go.mod` that make the go command run or fetch another program than before, or put something in a module's place.
enum GoModule {
    static func difference(from before: [UInt8], to after: [UInt8]) -> String? {
        ContentInspection.listed(lines(before), lines(after))
    }

    private static func lines(_ bytes: [UInt8]) -> Set<String> {
        var result: Set<String> = []
        var block: String?
        for line in bytes.split(separator: 0x0A) {
            let words = String(osBytes: line.prefix { $0 != UInt8(ascii: "\r") }).split { $0 == " " || $0 == "\t" }.map(String.init)
            guard let first = words.first, !first.hasPrefix("//") else { continue }
            if first == ")" {
                block = nil
            } else if words.count == 2, words[1] == "(" {
                block = first
            } else if let block {
                if isMeant(block) { result.insert(([block] + words).joined(separator: " ")) }
            } else if isMeant(first) {
                result.insert(words.joined(separator: " "))
            }
        }
        return result
    }

    private static func isMeant(_ word: String) -> Bool { ["toolchain", "tool", "replace"].contains(word) }
}

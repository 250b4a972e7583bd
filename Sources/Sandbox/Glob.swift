import LinuxKernel

/// Shell patterns over names: `*` any characters, `?` one. Letter case does not matter, so that `aws_*` covers `AWS_X`.
public enum Glob {
    /// Whether the whole of `name` matches.
    ///
    /// Works on the bytes in place: a start compares every variable with every pattern.
    public static func matches(_ pattern: String, _ name: String) -> Bool {
        var pattern = pattern, name = name
        return pattern.withUTF8 { pattern in
            name.withUTF8 { name in
                Wildcard.matches(
                    pattern: pattern.count, text: name.count, isAny: { pattern[$0] == UInt8(ascii: "*") },
                    isMatch: { pattern[$0] == UInt8(ascii: "?") || upper(pattern[$0]) == upper(name[$1]) })
            }
        }
    }

    private static func upper(_ byte: UInt8) -> UInt8 { byte >= 0x61 && byte <= 0x7A ? byte - 32 : byte }
}

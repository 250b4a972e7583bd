/// The rules for names of references (git-check-ref-format(1)), applied to names that come out of a sandbox.
public enum RefName {
    /// Whether `name` is a full name (`refs/…`) that git itself would accept, and that cannot be mistaken for an option.
    public static func isValid(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard bytes.count <= 1024, name.hasPrefix("refs/"), bytes.last != UInt8(ascii: "/"), bytes.last != UInt8(ascii: ".") else {
            return false
        }
        var previous: UInt8 = 0
        for byte in bytes {
            switch byte {
            case 0...0x20, 0x7F, UInt8(ascii: "~"), UInt8(ascii: "^"), UInt8(ascii: ":"), UInt8(ascii: "?"), UInt8(ascii: "*"),
                UInt8(ascii: "["), UInt8(ascii: "\\"):
                return false
            case UInt8(ascii: ".") where previous == byte, UInt8(ascii: "{") where previous == UInt8(ascii: "@"):
                return false
            default:
                previous = byte
            }
        }
        // Bytes outside UTF-8 arrive as private-use characters (String.init(osBytes:)); such names print differently than they
        // are, so they are not taken over.
        guard name.unicodeScalars.allSatisfy({ $0.value < 0x10FF80 }) else { return false }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2 else { return false }
        return parts.allSatisfy { part in
            // A last part that starts with "-" is valid for update-ref, but `git branch` refuses it: nobody could check it out
            // without it being read as an option.
            !part.isEmpty && !part.hasPrefix(".") && !part.hasPrefix("-") && !part.hasSuffix(".lock") && part.utf8.count <= 250
        }
    }

    /// What a name clashes with on a file system that ignores case.
    static func folded(_ name: String) -> String { name.lowercased() }
}

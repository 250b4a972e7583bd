import Crypto
import Glibc
import LinuxKernel
import Review

/// What tells contents apart in the audit log: SHA-256 in hexadecimal digits.
enum ContentDigest {
    /// Of a file that lands its bytes, of a link the path that it leads to; words for what has neither.
    static func text(of version: FileVersion?) -> String {
        guard let version else { return "removed" }
        switch version.kind {
        case .file:
            // What cannot be read cannot be told apart either; the entry says so, and nothing lands that cannot be read.
            return (try? digest(of: version)) ?? "unreadable"
        case .symlink: return hexadecimal(SHA256.hash(data: (version.target ?? "").osBytes))
        case .directory: return "directory"
        case .other: return "special"
        }
    }

    /// Of many together: of a line for each, with its digest, two blanks and its path, as sha256sum(1) writes it, in the order of the paths.
    static func text(of changes: [Change]) -> String {
        var hash = SHA256()
        for change in changes.sorted(by: { $0.path.osBytes.lexicographicallyPrecedes($1.path.osBytes) }) {
            hash.update(data: "\(text(of: change.after))  ".osBytes + change.path.osBytes + [0x0A])
        }
        return hexadecimal(hash.finalize())
    }

    private static func digest(of version: FileVersion) throws -> String {
        let file = try version.open()
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var place: off_t = 0
        while true {
            let count = try check("pread") { pread(file.number, &buffer, buffer.count, place) }
            if count == 0 { return hexadecimal(hash.finalize()) }
            hash.update(data: buffer[..<count])
            place += off_t(count)
        }
    }

    private static func hexadecimal(_ digest: SHA256Digest) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

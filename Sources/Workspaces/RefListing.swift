import LinuxKernel

/// The references that git inside a sandbox reports, read strictly: everything in it may be forged.
struct RefListing: Sendable, Equatable {
    var refs: [String: ObjectID] = [:]
    var symbolic: [String: String] = [:]
    /// Lines that were not believed, as they may be shown.
    var rejected: [String] = []

    /// Reads lines `<id> <type> <name> <target of a symbolic reference or nothing>`.
    ///
    /// A line that is not of this form is rejected alone, so that one odd name does not lose the other branches.
    /// - Returns: nil when there are more than `limit` lines.
    static func parse(_ bytes: [UInt8], limit: Int) -> RefListing? {
        var result = RefListing()
        var count = 0
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            count += 1
            if count > limit { return nil }
            let text = String(osBytes: line)
            let parts = text.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 4, let id = ObjectID(parts[0]), !id.isZero, RefName.isValid(String(parts[2])) else {
                if result.rejected.count < 20 { result.rejected.append(String(text.printable.prefix(200))) }
                continue
            }
            let name = String(parts[2])
            if parts[3].isEmpty {
                // A name that is listed twice is not from git.
                if result.refs.updateValue(id, forKey: name) != nil { result.rejected.append(name.printable) }
            } else if RefName.isValid(String(parts[3])) {
                result.symbolic[name] = String(parts[3])
            }
        }
        return result
    }
}

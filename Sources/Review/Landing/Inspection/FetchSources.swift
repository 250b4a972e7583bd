import LinuxKernel

/// The places that a lock file has things fetched from: a new one means that the next install asks a host that it has not asked before.
enum FetchSources {
    static func difference(from before: [UInt8], to after: [UInt8]) -> String? {
        // One that is not asked any more does no harm.
        ContentInspection.listed(places(after).subtracting(places(before)), [])
    }

    /// `https://registry.example` of each address.
    private static func places(_ bytes: [UInt8]) -> Set<String> {
        var result: Set<String> = []
        var index = 0
        while index + 2 < bytes.count {
            guard bytes[index] == UInt8(ascii: ":") else {
                index += 1
                continue
            }
            let isAddress = bytes[index + 1] == UInt8(ascii: "/") && bytes[index + 2] == UInt8(ascii: "/")
            var start = index
            while start > 0, isScheme(bytes[start - 1]) { start -= 1 }
            let scheme = bytes[start..<index]
            var end = index + 1
            if isAddress {
                end += 2
                while end < bytes.count, isAuthority(bytes[end]) { end += 1 }
                result.insert(String(osBytes: bytes[start..<end]))
            } else if ["file", "link", "portal", "exec", "git@github.com", "git"].contains(where: { scheme.elementsEqual($0.utf8) }),
                isAuthority(bytes[end]) || bytes[end] == UInt8(ascii: "/")
            {
                result.insert(String(osBytes: bytes[start...index]))
            }
            index = max(end, index + 1)
        }
        return result
    }

    private static func isScheme(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "+"), UInt8(ascii: "@"), UInt8(ascii: "."), UInt8(ascii: "-"): true
        default: false
        }
    }

    private static func isAuthority(_ byte: UInt8) -> Bool {
        isScheme(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]")
            || byte == UInt8(ascii: "%") || byte >= 0x80
    }
}

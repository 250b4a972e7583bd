import Glibc

/// IPv4 addresses in words.
public enum AddressText {
    /// The four bytes of an address in dotted form (inet_pton(3)); nil when it is none.
    public static func bytes(_ text: String) -> [UInt8]? {
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) == 1 else { return nil }
        return withUnsafeBytes(of: address, Array.init)
    }
}

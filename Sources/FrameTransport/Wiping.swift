import Glibc

extension Array where Element == UInt8 {
    /// Overwrites the bytes with zeros in a way that the compiler may not leave out (explicit_bzero(3)), if nobody else
    /// holds the same memory.
    mutating func wipe() {
        withUnsafeMutableBytes { if let start = $0.baseAddress { explicit_bzero(start, $0.count) } }
    }
}

import CLinux
import Glibc

extension Descriptor {
    /// A file in memory (memfd_create(2)) with these bytes, which stands at its beginning.
    public static func memory(_ bytes: some Sequence<UInt8> = []) throws(SystemError) -> Descriptor {
        let file = Descriptor(owning: try check("memfd_create") { coop_memory_file("coop") })
        try file.writeAll(bytes)
        try file.rewind()
        return file
    }

    /// Goes back to the beginning of the file.
    public func rewind() throws(SystemError) { try check("lseek") { Int32(clamping: lseek(number, 0, SEEK_SET)) } }
}

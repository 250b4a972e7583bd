import CLinux
import Glibc
import LinuxKernel

/// The contents that a landing put into the tree, one after the other in one file: the base for an undo that has to merge.
enum PackedContents {
    /// One of them, from its beginning.
    static func open(_ path: String, offset: UInt64, count: UInt64, subject: String) throws -> Descriptor {
        guard count <= UInt64(TransactionStaging.keptFile) else { throw SystemError("open", subject, errno: EFBIG) }
        let file = try Descriptor.open(path, O_RDONLY)
        var bytes = [UInt8](repeating: 0, count: Int(count))
        var done = 0
        while done < bytes.count {
            let got = try check("pread", path) {
                bytes.withUnsafeMutableBytes { raw in
                    pread(file.number, raw.baseAddress.map { $0 + done }, raw.count - done, off_t(offset) + off_t(done))
                }
            }
            if got == 0 { throw SystemError("read", path, errno: EIO) }
            done += got
        }
        return try MemoryFile.make(bytes)
    }
}

/// A file without a name (memfd_create(2)).
enum MemoryFile {
    static func make(_ bytes: [UInt8]) throws -> Descriptor {
        let file = Descriptor(owning: try check("memfd_create") { coop_memory_file("content") })
        try file.writeAll(bytes, subject: "content")
        try check("lseek") { lseek(file.number, 0, SEEK_SET) }
        return file
    }
}

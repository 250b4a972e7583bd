import Glibc
import LinuxKernel
import Workspaces

extension FileVersion {
    /// What is at `path` below a directory, reached without a link.
    ///
    /// - Throws: `SystemError`; `ENOENT` when nothing is there.
    package static func read(_ path: String, in root: BeneathDirectory) throws(SystemError) -> FileVersion {
        let handle = try root.open(path, BeneathDirectory.pathOnly | O_NOFOLLOW)
        var status = stat()
        try check("fstat", path) { fstat(handle.number, &status) }
        let kind = Kind(FileKind(mode: status.st_mode))
        let mode = UInt32(status.st_mode) & 0o7777
        switch kind {
        case .file, .directory:
            let flags = kind == .file ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_RDONLY | O_DIRECTORY
            let attributes = try UserAttributes.read(path, flags, in: root)
            return FileVersion(kind: kind, mode: mode, size: kind == .file ? UInt64(status.st_size) : 0, attributes: attributes) {
                try root.open(path, flags)
            }
        case .symlink:
            guard let text = BeneathDirectory(descriptor: handle, path: path).readLink("") else { throw SystemError("readlinkat", path) }
            return FileVersion(kind: kind, mode: 0o777, size: UInt64(status.st_size), target: text) {
                throw SystemError("open", path, errno: ELOOP)
            }
        case .other: return FileVersion(kind: kind, mode: mode) { throw SystemError("open", path, errno: EINVAL) }
        }
    }

    /// A file whose content is in memory.
    package static func bytes(_ bytes: [UInt8], mode: UInt32, attributes: [String: [UInt8]] = [:]) -> FileVersion {
        FileVersion(kind: .file, mode: mode, size: UInt64(bytes.count), attributes: attributes) {
            try MemoryFile.make(bytes)
        }
    }
}

extension FileVersion.Kind {
    package init(_ kind: FileKind?) {
        self =
            switch kind {
            case .file: .file
            case .symlink: .symlink
            case .directory: .directory
            case .socket: .other(what: "a socket")
            case .fifo: .other(what: "a pipe")
            case .characterDevice, .blockDevice: .other(what: "a device")
            case nil: .other(what: "something unknown")
            }
    }
}

import CLinux
import Glibc
import LinuxKernel
import Workspaces

/// Extended attributes of the user's, `user.*` (xattr(7)), without those that overlayfs keeps for itself.
package enum UserAttributes {
    /// What overlayfs keeps for itself begins so (filesystems/overlayfs.rst, `userxattr`).
    private static let overlay = "user.overlay."

    /// - Returns: none where the file system has no attributes.
    package static func read(_ file: Descriptor, subject: String) throws(SystemError) -> [String: [UInt8]] {
        let size = coop_list_attributes(file.number, nil, 0)
        if size == 0 { return [:] }
        if size < 0 {
            if errno == ENOTSUP || errno == EBADF { return [:] }
            throw SystemError("flistxattr", subject)
        }
        var names = [CChar](repeating: 0, count: size + 256)
        let count = try check("flistxattr", subject) { coop_list_attributes(file.number, &names, names.count) }
        var result: [String: [UInt8]] = [:]
        for name in names[0..<count].split(separator: 0) {
            let text = String(osBytes: name.map(UInt8.init(bitPattern:)))
            guard text.hasPrefix("user."), !text.hasPrefix(overlay) else { continue }
            if let value = try value(text, of: file, subject: subject) { result[text] = value }
        }
        return result
    }

    /// Those of something in a tree.
    ///
    /// - Parameter flags: to open it for reading (open(2)).
    /// - Returns: none for what its owner may not read: nobody without other rights could read, or have set, any (xattr(7)).
    static func read(_ path: String, _ flags: Int32, in root: BeneathDirectory) throws(SystemError) -> [String: [UInt8]] {
        let file: Descriptor
        do { file = try root.open(path, flags) } catch {
            if error.errno == EACCES { return [:] }
            throw error
        }
        return try read(file, subject: path)
    }

    /// One attribute of any name; nil where there is none.
    static func value(_ name: String, of file: Descriptor, subject: String) throws(SystemError) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 1024)
        while true {
            let count = name.withOSBytes { coop_get_attribute(file.number, $0, &value, value.count) }
            if count >= 0 { return Array(value[0..<count]) }
            switch errno {
            case ENODATA, ENOTSUP: return nil
            // No value is longer than 64 KiB (xattr(7)).
            case ERANGE where value.count < 1 << 16: value = [UInt8](repeating: 0, count: 1 << 16)
            default: throw SystemError("fgetxattr", subject)
            }
        }
    }

    static func set(_ name: String, _ value: [UInt8], of file: Descriptor, subject: String) throws(SystemError) {
        WriteStep.pass()
        try check("fsetxattr", subject) { name.withOSBytes { coop_set_attribute(file.number, $0, value, value.count) } }
    }

    /// Makes the user's attributes exactly these.
    static func replace(with attributes: [String: [UInt8]], of file: Descriptor, subject: String) throws(SystemError) {
        let present = try read(file, subject: subject)
        for (name, value) in attributes where present[name] != value { try set(name, value, of: file, subject: subject) }
        for name in present.keys where attributes[name] == nil {
            WriteStep.pass()
            try check("fremovexattr", subject) { name.withOSBytes { coop_remove_attribute(file.number, $0) } }
        }
    }
}

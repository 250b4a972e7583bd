import Glibc
import LinuxKernel

/// The open descriptors of this process.
enum Descriptors {
    /// Their numbers, without the one used for looking.
    static func open() throws(SystemError) -> [Int32] {
        guard let handle = opendir("/proc/self/fd") else { throw SystemError("opendir", "/proc/self/fd") }
        defer { closedir(handle) }
        let own = dirfd(handle)
        var result: [Int32] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let number = Int32(name), number != own { result.append(number) }
        }
        return result
    }
}

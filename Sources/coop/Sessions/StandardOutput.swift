import CoopErrors
import Glibc
import LinuxKernel

/// Standard output for what may be long: waits for a slow reader, and ends with the one that goes away.
enum StandardOutput {
    static func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var entry = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
                poll(&entry, 1, -1)
            // Where SIGPIPE is ignored: `coop logs ID | head -1`.
            case EPIPE: throw ProcessResult(code: 0)
            default: throw CoopError(.failed, "cannot write to standard output", SystemError.text(for: errno), next: "df -h")
            }
        }
    }
}

import ArgumentParser
import CLinux
import Glibc
import LinuxKernel

/// Tries, from inside a sandbox, what each layer is there to prevent. Started by `coop doctor`, not by people.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "probe", abstract: "Probe the layers from inside.", shouldDisplay: false)

    func run() throws {
        for (layer, result) in try Probe.all() { print("\(layer)\t\(result ?? "")") }
    }
}

/// The attempts. Each returns nil when the layer holds, else what it let through.
enum Probe {
    static func all() throws -> [(layer: String, result: String?)] {
        let status = try ProcessStatus.read()
        return [
            ("user-namespace", coop_unshare(0x1000_0000) == 0 ? "a new user namespace could be made" : nil),
            ("mount-namespace", Glibc.mount("none", "/tmp", "tmpfs", 0, nil) == 0 ? "a file system could be mounted" : nil),
            ("pid-namespace", try foreignProcesses()),
            ("network-namespace", try devices()),
            ("network", network()),
            ("ipc-namespace", try sharedMemory()),
            ("uts-namespace", sethostname("probe", 5) == 0 ? "the host name could be set" : nil),
            ("root", rootIsWritable()),
            ("proc", procIsWritable()),
            ("separate-warden", kill(1, 0) == 0 ? "the warden can be signalled" : nil),
            (
                "capabilities",
                status.permitted | status.effective | status.bounding | status.ambient == 0 && status.noNewPrivileges
                    ? nil : "capabilities could be used or gained"
            ),
            ("seccomp", systemCalls(status)),
        ]
    }

    private static func foreignProcesses() throws -> String? {
        let names = try FileSystem.list("/proc").filter { $0.allSatisfy(\.isNumber) }
        let first = String(osBytes: try FileSystem.read("/proc/1/comm"))
        return first.hasPrefix("coop-warden") && names.count < 10 ? nil : "\(names.count) processes are visible"
    }

    private static func devices() throws -> String? {
        let devices = String(osBytes: try FileSystem.read("/proc/net/dev")).split(separator: "\n").dropFirst(2)
        return devices.count == 1 ? nil : "\(devices.count) network devices are visible"
    }

    /// The address is for documentation (RFC 5737): nobody answers there but what the kernel leads a connection to. During an examination
    /// nobody serves the gateway's port, so the answer is a refusal as soon as the socket handed out is closed.
    private static func network() -> String? {
        let stream = connect(Int32(SOCK_STREAM.rawValue), port: 80)
        if ![0, ECONNREFUSED, ECONNRESET, EPIPE].contains(stream) {
            return "a connection to an outside address is not led to the gateway (error \(stream))"
        }
        let datagram = connect(Int32(SOCK_DGRAM.rawValue), port: 443)
        if ![EPERM, EACCES, ECONNREFUSED, ENETUNREACH].contains(datagram) {
            return "a datagram to an outside address is not refused (error \(datagram))"
        }
        return nil
    }

    /// The error number of a connection to 192.0.2.1, with a byte to say; 0 when it was taken.
    private static func connect(_ type: Int32, port: UInt16) -> Int32 {
        let number = socket(AF_INET, type, 0)
        guard number >= 0 else { return errno }
        let descriptor = Descriptor(owning: number)
        // Without the rules a connection would wait for minutes.
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(descriptor.number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("192.0.2.1")
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { return errno }
        // What refuses a datagram may say so with the datagram itself, or after it (udp(7)).
        let byte: [UInt8] = [0]
        return (0..<2).allSatisfy { _ in send(descriptor.number, byte, 1, Int32(MSG_NOSIGNAL)) == 1 } ? 0 : errno
    }

    private static func sharedMemory() throws -> String? {
        let lines = String(osBytes: try FileSystem.read("/proc/sysvipc/shm")).split(separator: "\n").dropFirst()
        return lines.isEmpty ? nil : "\(lines.count) shared memory segments of the host are visible"
    }

    private static func rootIsWritable() -> String? {
        for place in ["/probe", "/usr/probe", "/etc/probe"] where place.withOSBytes({ mkdir($0, 0o700) }) == 0 {
            return "\(place) could be made"
        }
        return nil
    }

    private static func procIsWritable() -> String? {
        for place in ["/proc/sys/kernel/domainname", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"]
        where (try? Descriptor.open(place, O_WRONLY)) != nil {
            return "\(place) could be opened for writing"
        }
        return nil
    }

    private static func systemCalls(_ status: ProcessStatus) -> String? {
        if status.seccompMode != 2 { return "no filter is in force" }
        if coop_new_session_keyring() >= 0 { return "keyctl is let through" }
        var character: CChar = 10
        if ioctl(0, 0x5412 /* TIOCSTI */, &character) == 0 || errno != EPERM { return "TIOCSTI is let through" }
        return nil
    }
}

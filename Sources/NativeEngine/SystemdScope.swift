import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// A transient scope of systemd: the way for an ordinary process to get a cgroup of its own that it may divide and limit.
///
/// Without one, everything below /sys/fs/cgroup belongs to root, or to the user's systemd, which forbids others to write
/// there (docs/CGROUP_DELEGATION.md of systemd, "Delegation"). The request goes over the manager's private socket, where
/// no bus daemon stands between, or else over the bus; libsystemd is not needed (it could not be linked statically).
package enum SystemdScope {
    /// Makes the scope `name.scope` with `Delegate=yes` and moves a process into it.
    ///
    /// The scope's directory belongs to the caller, with the controllers memory, pids and cpu (as far as the manager has
    /// them itself). It holds the process, so the caller first makes a child, moves the process there, and then enables
    /// the controllers for the children (cgroups(7), "no internal processes"). systemd removes the scope when its
    /// last process has gone.
    ///
    /// An ordinary user asks the user's own systemd (`user@UID.service`), root asks the system's.
    ///
    /// - Parameters:
    ///   - name: the unit's name without `.scope`: letters, digits, `:`, `-`, `_` and `.`.
    ///   - pid: the process to move, which must have the caller's own uid still; nil for the calling process.
    ///   - limits: what the scope may use. systemd keeps them, where it may reset what others write to the files of the
    ///     scope's own directory (at its next daemon-reload).
    ///   - timeoutMilliseconds: how long systemd may take for all of it.
    /// - Returns: the scope's directory: `/sys/fs/cgroup/user.slice/…/app.slice/name.scope`.
    /// - Throws: `notReady` when there is no cgroup v2, no systemd to ask or no answer in time; `failed` when systemd says no.
    package static func create(
        name: String, pid: Int32? = nil, limits: Limits = Limits(), timeoutMilliseconds: Int = 2000
    ) throws(CoopError) -> String {
        guard isValidName(name) else {
            throw CoopError(
                .failed, "cannot make a cgroup", "`\(name.printable)` cannot be the name of a systemd unit", next: "coop doctor")
        }
        guard FileSystem.kind("/sys/fs/cgroup/cgroup.controllers") == .file else {
            throw CoopError(
                .notReady, "cannot make a cgroup", "/sys/fs/cgroup is not the unified hierarchy (cgroup v2)",
                next: "boot with systemd.unified_cgroup_hierarchy=1")
        }
        let unit = name + ".scope"
        let process = pid ?? getpid()
        let uid = geteuid()
        let deadline = Deadline(milliseconds: timeoutMilliseconds)
        var connection = try connect(uid: uid, deadline: deadline)
        do {
            try connection.startScope(unit, pid: process, limits: limits)
        } catch let refusal as Refusal {
            throw CoopError(.failed, "cannot make the cgroup \(unit)", "systemd: \(refusal.text)", next: remedy(for: uid))
        } catch {
            throw CoopError(.notReady, "cannot make the cgroup \(unit)", reason(error), next: remedy(for: uid))
        }
        return try directory(of: process, in: unit)
    }

    /// The sockets where the manager of a user listens, the best first: its private one, then the bus.
    ///
    /// - Parameter runtimeDirectory: `$XDG_RUNTIME_DIR`, where it is set. `su` and `sudo` leave it out or wrong, so the
    ///   directory that logind makes is tried as well. Root's manager is the system's, at a fixed place.
    static func sockets(uid: uid_t, runtimeDirectory: String?) -> [Socket] {
        if uid == 0 {
            return [
                Socket(path: "/run/systemd/private", isBus: false), Socket(path: "/run/dbus/system_bus_socket", isBus: true),
            ]
        }
        var directories = ["/run/user/\(uid)"]
        if let runtimeDirectory, runtimeDirectory.hasPrefix("/"), FileSystem.normalize(runtimeDirectory) != directories[0] {
            directories.insert(FileSystem.normalize(runtimeDirectory), at: 0)
        }
        return directories.map { Socket(path: $0 + "/systemd/private", isBus: false) }
            + directories.map { Socket(path: $0 + "/bus", isBus: true) }
    }

    /// Whether a manager can be asked for a scope: one of its sockets exists. Starts nothing.
    package static var isAvailable: Bool {
        FileSystem.kind("/sys/fs/cgroup/cgroup.controllers") == .file
            && sockets(uid: geteuid(), runtimeDirectory: runtimeDirectory).contains { FileSystem.kind($0.path) == .socket }
    }

    /// A place where systemd can be asked.
    struct Socket: Equatable {
        var path: String
        /// Whether a bus daemon listens there, which wants to be greeted first.
        var isBus: Bool
    }

    /// systemd's answer was no.
    struct Refusal: Error, Equatable {
        var text: String
    }

    /// Whether systemd accepts this as the part of a unit's name before `.scope` (systemd.unit(5)). `@` and `\` have
    /// meanings there and are left out.
    static func isValidName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 240 && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."):
                    return true
                default: return false
                }
            }
    }

    /// The request itself (org.freedesktop.systemd1(5), "StartTransientUnit"): name, mode, properties, further units.
    static func startTransientUnit(
        _ unit: String, pid: Int32, limits: Limits = Limits(), destination: String?, serial: UInt32
    ) -> DBusMessage {
        DBusMessage.call(
            "StartTransientUnit", of: "org.freedesktop.systemd1.Manager", at: "/org/freedesktop/systemd1",
            destination: destination, serial: serial
        ).with("ssa(sv)a(sa(sv))") { body in
            body.string(unit)
            body.string("fail")
            body.array(elementAlignment: 8) { properties in
                properties.property("Description", "s") { $0.string("coop sandbox") }
                properties.property("Delegate", "b") { $0.boolean(true) }
                // A scope that failed (its processes killed) is forgotten like one that ended.
                properties.property("CollectMode", "s") { $0.string("inactive-or-failed") }
                for (name, value) in limits.properties { properties.property(name, "t") { $0.uint64(value) } }
                properties.property("PIDs", "au") { value in
                    value.array(elementAlignment: 4) { $0.uint32(UInt32(bitPattern: pid)) }
                }
            }
            body.array(elementAlignment: 8) { _ in }
        }
    }

    private static var runtimeDirectory: String? {
        guard let value = getenv("XDG_RUNTIME_DIR") else { return nil }
        return String(osBytes: UnsafePointer(value))
    }

    private static func connect(uid: uid_t, deadline: Deadline) throws(CoopError) -> Connection {
        var reasons: [String] = []
        for socket in sockets(uid: uid, runtimeDirectory: runtimeDirectory) where FileSystem.kind(socket.path) == .socket {
            do {
                return try Connection(socket, uid: uid, deadline: deadline)
            } catch {
                reasons.append("\(socket.path.printable): \(error.reason)")
            }
        }
        let manager = uid == 0 ? "the system's systemd" : "a systemd of the user \(uid)"
        throw CoopError(
            .notReady, "cannot make a cgroup",
            reasons.isEmpty ? "\(manager) is not running" : "\(manager) cannot be reached: \(reasons.joined(separator: "; "))",
            next: remedy(for: uid))
    }

    /// The directory of a process that was moved into `unit`. /proc is the truth about it: the slice is systemd's choice.
    private static func directory(of pid: Int32, in unit: String) throws(CoopError) -> String {
        let lines: [UInt8]
        do {
            lines = try FileSystem.read("/proc/\(pid)/cgroup")
        } catch {
            throw CoopError(.failed, "cannot make the cgroup \(unit)", "the process \(pid) has gone: \(error)", next: "coop doctor")
        }
        for line in String(osBytes: lines).split(separator: "\n") where line.hasPrefix("0::/") {
            let path = line.dropFirst(3)
            if path.hasSuffix("/" + unit) { return "/sys/fs/cgroup" + path }
        }
        throw CoopError(.failed, "cannot make the cgroup \(unit)", "systemd did not move the process \(pid) into it", next: "coop doctor")
    }

    private static func remedy(for uid: uid_t) -> String {
        uid == 0 ? "systemctl status" : "sudo loginctl enable-linger \(uid)"
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as SystemError: return error.description
        case let error as DBusMessage.Malformed: return "systemd's answer is not understood: \(error.reason)"
        default: return "\(error)"
        }
    }
}

extension SystemdScope {
    /// Limits of a scope (systemd.resource-control(5)); nil is systemd's default.
    package struct Limits: Equatable, Sendable {
        /// memory.max, in bytes.
        package var memory: UInt64?
        /// memory.swap.max, in bytes.
        package var swap: UInt64?
        /// pids.max: processes and threads.
        package var tasks: UInt64?
        /// cpu.max, in processors: 0.5 is half of one.
        package var cpus: Double?

        package init(memory: UInt64? = nil, swap: UInt64? = nil, tasks: UInt64? = nil, cpus: Double? = nil) {
            self.memory = memory
            self.swap = swap
            self.tasks = tasks
            self.cpus = cpus
        }

        /// The names and values for StartTransientUnit, each of the type `t`.
        var properties: [(String, UInt64)] {
            var result: [(String, UInt64)] = []
            if let memory { result.append(("MemoryMax", memory)) }
            if let swap { result.append(("MemorySwapMax", swap)) }
            if let tasks { result.append(("TasksMax", tasks)) }
            // Microseconds of processor time in a second; the kernel takes at least a millisecond of its 100 ms period.
            if let cpus, cpus.isFinite { result.append(("CPUQuotaPerSecUSec", UInt64(min(max(cpus, 0.01), 1e6) * 1_000_000))) }
            return result
        }
    }

    /// A moment after which nothing is waited for any more.
    struct Deadline {
        private let nanoseconds: UInt64

        init(milliseconds: Int) {
            nanoseconds = Deadline.now &+ UInt64(max(0, min(milliseconds, 1 << 31))) * 1_000_000
        }

        /// What is left, in milliseconds, for poll(2); rounded up, so that poll does not spin through the last one.
        var left: Int32 {
            let now = Deadline.now
            return nanoseconds <= now ? 0 : Int32(clamping: (nanoseconds - now + 999_999) / 1_000_000)
        }

        private static var now: UInt64 {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
    }

    /// One conversation with systemd over a Unix socket.
    struct Connection {
        private let descriptor: Descriptor
        private let socket: Socket
        private let uid: uid_t
        private let deadline: Deadline
        /// What has come in and is not yet read as a line or message.
        private var received: [UInt8] = []

        /// Goes on with a connection that stands.
        init(connected descriptor: Descriptor, to socket: Socket, uid: uid_t, deadline: Deadline) {
            self.descriptor = descriptor
            self.socket = socket
            self.uid = uid
            self.deadline = deadline
        }

        init(_ socket: Socket, uid: uid_t, deadline: Deadline) throws(SystemError) {
            let number = try check("socket") {
                Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
            }
            self.init(connected: Descriptor(owning: number), to: socket, uid: uid, deadline: deadline)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let name = socket.path.osBytes
            guard name.count < MemoryLayout.size(ofValue: address.sun_path) else {
                throw SystemError("connect", socket.path, errno: ENAMETOOLONG)
            }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
            let length = socklen_t(MemoryLayout<sockaddr_un>.size)
            // A Unix socket connects at once; EAGAIN means that the listener's queue is full (unix(7)).
            try check("connect", socket.path) {
                withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(number, $0, length) }
                }
            }
        }

        /// Asks for the scope and waits until it exists with the process in it.
        mutating func startScope(_ unit: String, pid: Int32, limits: Limits = Limits()) throws {
            let name = socket.isBus ? "org.freedesktop.systemd1" : nil
            let request = SystemdScope.startTransientUnit(unit, pid: pid, limits: limits, destination: name, serial: 3)
            // Everything at once: the answers come in the order of the questions, and one round trip is spared for each.
            // EXTERNAL is checked by the peer against the socket's credentials; the uid is sent in decimal, in hexadecimal.
            let digits = String(uid).utf8.map { "3" + String($0 & 0x0F) }.joined()
            try send(Array("\0AUTH EXTERNAL \(digits)\r\nBEGIN\r\n".utf8) + (socket.isBus ? greeting : []) + request.encoded)
            try readAuthentication()
            try awaitJob(of: unit, request: request.serial)
        }

        /// What a bus daemon wants first: a name for this connection, and which signals to pass on.
        private var greeting: [UInt8] {
            let bus = "org.freedesktop.DBus"
            let hello = DBusMessage.call("Hello", of: bus, at: "/org/freedesktop/DBus", destination: bus, serial: 1)
            let match = DBusMessage.call("AddMatch", of: bus, at: "/org/freedesktop/DBus", destination: bus, serial: 2).with("s") {
                $0.string("type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'")
            }
            return hello.encoded + match.encoded
        }

        /// The reply names a job; the signal JobRemoved says how that job ended, and may come before the reply is read.
        private mutating func awaitJob(of unit: String, request: UInt32) throws {
            var job: String?
            var ended: [String: String] = [:]
            while true {
                let message = try readMessage()
                switch message.kind {
                case .error where message.replySerial != nil:
                    var body = message.bodyReader
                    let text = message.signature.hasPrefix("s") ? try body.string() : ""
                    let name = message.errorName ?? "an error without a name"
                    throw Refusal(text: (text.isEmpty ? name : text).printable)
                case .methodReturn where message.replySerial == request:
                    guard message.signature == "o" else { throw DBusMessage.Malformed(reason: "a reply without a job") }
                    var body = message.bodyReader
                    job = try body.string()
                case .signal where message.member == "JobRemoved" && message.signature == "uoss":
                    // Job number, the job's path, unit, result (org.freedesktop.systemd1(5)).
                    var body = message.bodyReader
                    _ = try body.uint32()
                    let path = try body.string()
                    if try body.string() == unit { ended[path] = try body.string() }
                default:
                    break
                }
                if let job, let result = ended[job] {
                    if result == "done" { return }
                    throw Refusal(text: "the job for \(unit) ended with `\(result.printable)`")
                }
            }
        }

        /// The peer's half of the handshake: one line, `OK <its id>`.
        mutating func readAuthentication() throws {
            while true {
                if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(osBytes: received[..<end]).filter { $0 != "\r" }
                    received.removeFirst(end + 1)
                    guard line.hasPrefix("OK") else { throw Refusal(text: "authentication: \(line.printable)") }
                    return
                }
                guard received.count < 4096 else { throw DBusMessage.Malformed(reason: "an endless greeting") }
                try receive()
            }
        }

        mutating func readMessage() throws -> DBusMessage {
            while true {
                if let length = try DBusMessage.length(of: received), received.count >= length {
                    let bytes = Array(received[..<length])
                    received.removeFirst(length)
                    return try DBusMessage(decoding: bytes)
                }
                try receive()
            }
        }

        func send(_ bytes: [UInt8]) throws(SystemError) {
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes { buffer in
                    Glibc.send(
                        descriptor.number, buffer.baseAddress.map { $0 + done }, bytes.count - done, Int32(MSG_NOSIGNAL))
                }
                if count >= 0 {
                    done += count
                } else if errno == EAGAIN {
                    try wait(for: POLLOUT)
                } else if errno != EINTR {
                    throw SystemError("send", socket.path)
                }
            }
        }

        private mutating func receive() throws(SystemError) {
            // A peer that never stops talking must not outlast the deadline either.
            guard deadline.left > 0 else { throw timeout }
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = buffer.withUnsafeMutableBytes { recv(descriptor.number, $0.baseAddress, $0.count, 0) }
                if count > 0 {
                    received += buffer[..<count]
                    return
                }
                if count == 0 { throw SystemError("recv", socket.path, errno: ECONNRESET) }
                if errno == EAGAIN {
                    try wait(for: POLLIN)
                } else if errno != EINTR {
                    throw SystemError("recv", socket.path)
                }
            }
        }

        private func wait(for event: Int32) throws(SystemError) {
            var entry = pollfd(fd: descriptor.number, events: Int16(event), revents: 0)
            let count = try check("poll", socket.path) { poll(&entry, 1, deadline.left) }
            if count == 0 { throw timeout }
        }

        private var timeout: SystemError { SystemError("wait for systemd at", socket.path, errno: ETIMEDOUT) }
    }
}

import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import NativeEngine
import Sandbox
import WardenProtocol

// The outside of a sandbox with captured traffic, for tests: starts one, runs a command in it, and answers each connection with
// one line that says where it arrived. What arrives is also told on standard error, one line each.

/// What a test asks for.
struct Arguments {
    var warden = ""
    var project = "/"
    var network = Network(mode: .scoped)
    var startsEarly = false
    /// Lets go of the sockets at once, as a gateway that has died.
    var isDead = false
    var groups: [String] = []
    var command: [String] = []

    init(_ words: some Sequence<String>) throws {
        var rest = Array(words)[...]
        while let word = rest.popFirst(), word != "--" {
            guard word != "--early" else {
                startsEarly = true
                continue
            }
            guard word != "--dead" else {
                isDead = true
                continue
            }
            guard let value = rest.popFirst() else { throw CoopError(.usage, word, "needs a value") }
            switch word {
            case "--warden": warden = value
            case "--project": project = value
            case "--network": network.mode = Network.Mode(rawValue: value) ?? .none
            case "--host-port": network.hostPorts.append(UInt16(value) ?? 0)
            case "--proxy-port": network.proxyPort = UInt16(value) ?? 0
            case "--allow-syscalls": groups.append(value)
            default: throw CoopError(.usage, word, "is no option")
            }
        }
        command = Array(rest)
    }
}

func say(_ text: String) { _ = "GATEWAY \(text)\n".withOSBytes { write(2, $0, strlen($0)) } }

func address(_ value: UInt32) -> String { (0..<4).map { String(value >> (24 - 8 * $0) & 0xFF) }.joined(separator: ".") }

/// Accepts one connection and tells its other end where it arrived.
func answer(_ listener: GatewayListener) throws {
    let number = coop_accept(listener.descriptor.number)
    guard number >= 0 else { return }
    let connection = Descriptor(owning: number)
    var (target, port): (UInt32, UInt16) = (0, 0)
    var text = "\(listener.socket.purpose) \(listener.socket.port)"
    if coop_original_destination(number, &target, &port) == 0 { text += " for \(address(target)):\(port)" }
    say(text)
    // Who has gone already needs no answer.
    try? connection.writeAll((text + "\n").utf8)
    shutdown(number, Int32(SHUT_WR))
}

/// Answers a DNS query with 198.18.1.1, and anything else with the same bytes.
func answerQuery(_ listener: GatewayListener) {
    var peer = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = withUnsafeMutablePointer(to: &peer) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            recvfrom(listener.descriptor.number, &bytes, bytes.count, 0, $0, &length)
        }
    }
    guard count > 0 else { return }
    bytes.removeLast(bytes.count - count)
    say("dns \(count) bytes")
    if count > 12, bytes[5] == 1 {
        var end = 12
        while end < count, bytes[end] != 0 { end += Int(bytes[end]) + 1 }
        // The question alone, then one answer that points at its name (RFC 1035, 4.1.4).
        bytes = Array(bytes.prefix(end + 5))
        bytes[2] |= 0x80
        bytes[7] = 1
        bytes[11] = 0
        bytes += [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 198, 18, 1, 1]
    }
    _ = withUnsafePointer(to: &peer) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { sendto(listener.descriptor.number, bytes, bytes.count, 0, $0, length) }
    }
}

func run() throws -> Int32 {
    let arguments = try Arguments(CommandLine.arguments.dropFirst())
    let started = arguments.startsEarly ? try WardenStart(wardenPath: arguments.warden) : nil
    let name = try UserDatabase.name(of: getuid()) ?? "user"
    let environment = [EnvironmentVariable(name: "PATH", value: "/usr/sbin:/usr/bin:/sbin:/bin", origin: "coop")]
    let spec = SandboxSpec(
        id: SessionDirectory.newID(), workspace: Workspace(path: arguments.project, mode: .bind),
        home: Home(path: "/home/user", source: nil), environment: environment,
        user: User(name: name, id: getuid(), group: getgid(), groupName: "users", shell: "/bin/sh"), workingDirectory: arguments.project,
        network: arguments.network, systemCalls: SystemCalls(groups: arguments.groups), degraded: Layer.allCases.filter(\.isOptional),
        command: arguments.command)
    let plan = try StreamPlan(terminal: false)
    let sandbox = try NativeEngine(wardenPath: arguments.warden, started: started).launch(spec)
    let loop = EventLoop()
    let supervisor = Supervisor(sandbox: sandbox, loop: loop)
    supervisor.whenListening = { listeners in
        say("warden \(sandbox.pid) " + listeners.map { "\($0.socket)" }.joined(separator: ", "))
        if arguments.isDead { return sandbox.closeListeners() }
        for listener in listeners where listener.socket.purpose != .reserved {
            loop.watch(listener.descriptor.number) { _ in
                if listener.socket.isDatagram { answerQuery(listener) } else { try answer(listener) }
            }
        }
    }
    var ends: [Int32] = [-1, -1]
    try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
    supervisor.serve(Descriptor(owning: ends[0]), ownsSandbox: true)
    let client = CommandClient(socket: Descriptor(owning: ends[1]), loop: loop, plan: plan)
    try client.start(spec.command)
    try loop.run()
    try sandbox.release()
    if let failure = supervisor.failure { throw failure }
    return client.end?.code ?? 125
}

do {
    exit(try run())
} catch let error as CoopError {
    say("failed \(error.code.rawValue): \(error.message) Next: \(error.next ?? "")")
    exit(125)
} catch {
    say("failed: \(error)")
    exit(125)
}

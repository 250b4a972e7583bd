import CoopErrors
import GatewayProtocol
import Glibc
import LinuxKernel
import Policy
import Sandbox
import Vault

/// Sends coop's own requests from the host: to refresh tokens and to log in.
///
/// A worker of its own does it, confined like a sandbox's: it gets a connected socket, the roots and the request, gives one answer and
/// is ended. So this process reads neither TLS nor HTTP. Where names lead and through which proxy is decided as for a sandbox.
public struct HostTransport: Sendable {
    private let program: @Sendable () throws(CoopError) -> String
    private let policy: @Sendable () throws(CoopError) -> CompiledNetworkPolicy
    private let roots: @Sendable () throws(CoopError) -> [[UInt8]]
    private let proxy: @Sendable () throws(CoopError) -> UpstreamProxy?
    private let trusted: MCPServerURL?

    /// Milliseconds for the whole of a request.
    private static let patience: UInt64 = 30_000

    /// - Parameters:
    ///   - program: the path of `coop-gateway`.
    ///   - policy: says where names lead, which addresses are closed, and which proxy there is; its rules do not count. It must hold
    ///     nothing of a repository's.
    ///   - roots: the certificates that servers are verified with, DER.
    ///   - proxy: what stands between this machine and the internet.
    ///   - trusted: a server that the user has named for this: its address may be a private one. If it is one of the loopback interface,
    ///     so may those that it leads to.
    public init(
        program: @escaping @Sendable () throws(CoopError) -> String,
        policy: @escaping @Sendable () throws(CoopError) -> CompiledNetworkPolicy,
        roots: @escaping @Sendable () throws(CoopError) -> [[UInt8]],
        proxy: @escaping @Sendable () throws(CoopError) -> UpstreamProxy?, trusted: MCPServerURL? = nil
    ) {
        self.program = program
        self.policy = policy
        self.roots = roots
        self.proxy = proxy
        self.trusted = trusted
    }

    /// Sends a request and waits for the whole answer; not on a thread that something else waits for.
    ///
    /// - Throws: `notReady` when there is none: the server cannot be reached, is not the one it should be, or takes too long.
    public func send(_ request: HTTPRequest) throws(CoopError) -> HTTPReply {
        let url = try MCPServerURL(request.url)
        let attempt = Attempt(url)
        do {
            return try attempt.run(
                request, program: try program(), policy: try policy(), roots: try roots(), proxy: try proxy(),
                isTrusted: isTrusted(url), patience: HostTransport.patience)
        } catch let error as CoopError {
            throw error
        } catch {
            throw attempt.failure("\(error)")
        }
    }

    private func isTrusted(_ url: MCPServerURL) -> Bool {
        guard let trusted else { return false }
        return trusted.host == url.host || (trusted.isLoopback && url.isLoopback)
    }
}

/// One request: connect, hand the socket to a worker, wait for its answer.
private final class Attempt {
    private let url: MCPServerURL
    private let loop = EventLoop()
    private var worker: GatewayProcess?
    private var reply: HTTPReply?

    init(_ url: MCPServerURL) { self.url = url }

    func failure(_ why: String) -> CoopError {
        CoopError(.notReady, "cannot reach \(url.host.printable)", why.printable, next: "coop config get network.hosts")
    }

    func run(
        _ request: HTTPRequest, program: String, policy: CompiledNetworkPolicy, roots: [[UInt8]], proxy: UpstreamProxy?, isTrusted: Bool,
        patience: UInt64
    ) throws -> HTTPReply {
        guard url.scheme == "https" || url.isLoopback else { throw failure("only https is safe for tokens") }
        let destination = try Policy.Destination(untrusted: url.host.utf8)
        let port = UInt16(clamping: url.port)
        let resolver = NameResolver(loop: loop)
        let dialer = UpstreamDialer(loop: loop, resolver: resolver, proxy: proxy)
        defer {
            resolver.stop()
            worker?.end()
        }
        loop.after(milliseconds: patience) { [unowned self] in throw self.failure("it took longer than \(patience / 1000) s") }
        var override = policy.policy.override(for: destination)
        // As if the user had written down that the name may lead there.
        if override == nil, isTrusted { override = HostOverride(host: destination, target: destination, origin: "command line") }
        try dialer.dial(destination, port: port, override: override, policy: policy) { [unowned self] outcome in
            switch outcome {
            case .failed(let reason): throw self.failure(reason.words)
            case .connected(let socket, _): try self.begin(request, port, socket, program: program, roots: roots)
            }
        }
        try loop.run()
        withExtendedLifetime(dialer) {}
        guard let reply else { throw failure("there is no answer") }
        return reply
    }

    private func begin(_ request: HTTPRequest, _ port: UInt16, _ socket: Descriptor, program: String, roots: [[UInt8]]) throws {
        let worker = try GatewayProcess(program: program, arguments: [])
        self.worker = worker
        try worker.channel.send(.configure(WorkerConfiguration(roots: roots)))
        let fields = request.fields.sorted { $0.key < $1.key }.map { HeaderText($0.key, $0.value) } + [HeaderText("user-agent", "coop")]
        let outbound = OutboundRequest(
            method: request.method, host: url.host, port: port, isSecure: url.scheme == "https",
            path: url.path + (url.query.map { "?" + $0 } ?? ""), fields: fields, body: request.body)
        try worker.channel.send(.fetch(outbound), descriptors: [socket])
        loop.watch(worker.channel.socket.number) { [unowned self] _ in try self.read() }
    }

    private func read() throws {
        guard let worker else { return }
        guard let messages = try worker.channel.receive() else { throw failure("the process that asks it has ended") }
        for (message, _) in messages {
            switch message {
            case .ready: break
            case .fetched(let response):
                let fields = response.fields.map { ($0.name.lowercased(), $0.value) }
                reply = HTTPReply(
                    status: Int(response.status), fields: Dictionary(fields) { first, _ in first }, body: response.body)
                loop.stop()
            case .notFetched(let reason): throw failure(reason)
            default: throw failure("the process that asks it does not keep to the protocol")
            }
        }
    }
}

extension MCPServerURL {
    /// Whether it is this machine's own.
    fileprivate var isLoopback: Bool { host == "localhost" || host == "127.0.0.1" }
}

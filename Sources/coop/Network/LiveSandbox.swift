import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// A running sandbox, as another coop process reaches it to ask about its network or to change it.
struct LiveSandbox {
    /// How long its supervisor may take, in milliseconds: one that was stopped with its terminal does not answer.
    private static let patience: Int32 = 10_000

    let record: SessionRecord
    let run: String

    /// The one that is meant, or all that live in the project of this directory.
    static func find(_ id: String?, context: Context) throws -> [LiveSandbox] {
        let sessions = Sessions(context: context)
        if let id { return [LiveSandbox(record: try sessions.find(id), run: context.run)] }
        let project = try context.project()
        return try sessions.all().filter { $0.isOf(project, context) }.map { LiveSandbox(record: $0, run: context.run) }
    }

    /// All of this user's.
    static func all(context: Context) throws -> [LiveSandbox] {
        try Sessions(context: context).all().map { LiveSandbox(record: $0, run: context.run) }
    }

    /// - Throws: what the supervisor refuses it with; `notReady` when it does not answer.
    func ask(_ request: ControlRequest) throws -> NetworkState {
        let channel = FrameChannel(try SessionDirectory.connect(run: run, id: record.id))
        try channel.sendIfOpen(.control(request))
        while try isReadable(channel), let frames = try channel.receive() {
            for (frame, _) in frames {
                guard case .reply(let reply) = frame else { continue }
                switch reply {
                case .report(let text): return try JSONText.decode(NetworkState.self, from: Array(text.utf8))
                case .refused(let code, let what, let why, let next):
                    throw CoopError(CoopError.Code(rawValue: code) ?? .failed, what, why, next: next.isEmpty ? nil : next)
                }
            }
        }
        throw CoopError(
            .notReady, "cannot ask the sandbox \(record.id)", "its supervisor (process \(record.supervisor)) does not answer",
            next: "coop ps")
    }

    private func isReadable(_ channel: FrameChannel) throws(SystemError) -> Bool {
        var entry = pollfd(fd: channel.socket.number, events: Int16(POLLIN), revents: 0)
        return try check("poll") { poll(&entry, 1, LiveSandbox.patience) } > 0
    }
}

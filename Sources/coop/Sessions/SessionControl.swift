import CoopErrors
import LinuxKernel
import Sandbox
import Sessions
import WardenProtocol

/// A connection to the supervisor of a session.
struct SessionControl {
    private let channel: FrameChannel

    init(context: Context, id: String) throws(CoopError) {
        channel = FrameChannel(try SessionDirectory.connect(run: context.run, id: id))
    }

    /// Sends a request that needs no answer.
    func send(_ frame: Frame) throws { try channel.sendIfOpen(frame) }

    /// Sends a request and waits for its reply.
    ///
    /// - Throws: what the supervisor refuses, or `notReady` when it ends before it answers.
    func ask(_ frame: Frame) throws {
        try channel.sendIfOpen(frame)
        while let frames = try channel.receive() {
            for (frame, _) in frames {
                guard case .reply(let reply) = frame else { continue }
                guard case .refused(let code, let what, let why, let next) = reply else { return }
                throw CoopError(CoopError.Code(rawValue: code) ?? .failed, what, why, next: next)
            }
        }
        throw CoopError(.notReady, "the session gave no answer", "it has just ended", next: "coop ps -a")
    }
}

extension SessionStore {
    /// The living session that a text means.
    func live(_ text: String) throws(CoopError) -> StoredSession {
        let session = try find(text)
        guard session.isLive else {
            throw CoopError(
                .notReady, "the session \(session.id) is over", "its state is \(session.summary.state.rawValue)", next: "coop ps -a")
        }
        return session
    }
}

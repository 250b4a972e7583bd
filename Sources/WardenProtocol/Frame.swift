import FrameTransport

/// How a command ended.
public enum ProcessEnd: Sendable, Equatable {
    case exited(UInt8)
    case signaled(UInt8)
    /// It was never started: execve(2) or the step before it failed with this error number.
    case notStarted(step: String, errno: Int32)

    /// The exit code that coop passes on: the command's own, 128+n for a signal, 127 not found, 126 not executable.
    public var code: Int32 {
        switch self {
        case .exited(let code): Int32(code)
        case .signaled(let signal): 128 + Int32(signal)
        case .notStarted(let step, let number): step != "exec" ? 125 : number == 2 ? 127 : 126
        }
    }
}

/// Which processes a signal is for.
public enum SignalTarget: Sendable, Equatable {
    /// The command's process group; with a terminal, the foreground group.
    case command(UInt32)
    /// Every process of the sandbox.
    case everything
}

/// One message of the warden protocol, in either direction, over one stream. On the wire: a 32-bit length of what
/// follows, a type byte, a byte with the number of descriptors that travel with the frame, and the fields.
///
/// Version 1. Towards the warden: `prepare`, `plan`, `start`, `signal`, `connect`, `end`. From it: `listeners`, `ready`, `failed`, `started`,
/// `stopped`, `exited`, `connected`, `ended`. The same frames connect a client to the supervisor over the control socket, and a few more that no warden takes.
public enum Frame: WireMessage, Equatable {
    /// The beginning of the plan, to be done while the rest is still being made. At most once, as the first frame.
    case prepare(LaunchPlan)
    /// The plan, or the operations that follow those of `prepare`.
    case plan(LaunchPlan)
    case start(ProcessRequest)
    case signal(SignalTarget, UInt8)
    /// Kill every process and end the sandbox.
    case end
    /// Connect to a port of the sandbox's own loopback.
    case connect(id: UInt32, port: UInt16)
    /// Sockets that the plan asked for, in the order of the descriptors that come along. Ahead of `ready`, in several frames
    /// when they are many.
    case listeners([ListeningSocket])
    /// The plan has run and the kernel agrees with it. The text says how many facts were compared.
    case ready(checks: UInt32)
    /// The plan could not be run, or the kernel does not agree with it; the warden ends.
    case failed(step: String, subject: String, errno: Int32, reason: String)
    /// The command runs. The master side of its terminal comes along, if it has one.
    case started(id: UInt32, pid: Int32)
    case stopped(id: UInt32, signal: UInt8)
    case exited(id: UInt32, ProcessEnd)
    /// To `connect`: 0 with the connected socket, else the error number.
    case connected(id: UInt32, errno: Int32)
    /// No process is left but the warden.
    case ended

    // Between a client and the supervisor alone.

    /// Asks about the network, or for another rule.
    case control(ControlRequest)
    /// A person is at this client's terminal and can be asked.
    case attend
    /// What the person has said to `question`.
    case answer(id: UInt32, Consent)
    /// Shows the session's terminal to this client, in a window of this size; asked again for what a slow client has missed.
    case attach(rows: UInt16, columns: UInt16, isReadOnly: Bool)
    /// The client's window has another size.
    case resize(rows: UInt16, columns: UInt16)
    /// Types something into the session's terminal.
    case type(TypedInput)
    /// Sends everybody away who is attached.
    case detachAll
    /// To `control`.
    case reply(ControlReply)
    /// Something waits for the person's word. The text is one line, safe for a terminal.
    case question(id: UInt32, text: String)
    /// Nobody waits for an answer to `question` any more.
    case settled(id: UInt32)
    /// To `attach`. What the terminal received before `offset` is in the log; what comes after comes from the descriptor, a socket that takes
    /// keys as well. It ends when the session is over, and when the client has been too slow.
    case attached(offset: UInt64, rows: UInt16, columns: UInt16)
    /// The session's terminal has another size.
    case resized(rows: UInt16, columns: UInt16)
    /// The client has been sent away.
    case detached
    /// What coop itself has to say to a person; a line or more, safe for a terminal.
    case notice(String)

    /// The largest frame either side accepts, in bytes.
    public static let sizeLimit = 16 << 20

    public func encoded(descriptors: Int) -> [UInt8] {
        var writer = WireWriter()
        writer.write(UInt32(0))
        switch self {
        case .plan(let plan):
            Frame.header(1, descriptors, &writer)
            plan.encode(to: &writer)
        case .start(let request):
            Frame.header(2, descriptors, &writer)
            request.encode(to: &writer)
        case .signal(let target, let signal):
            Frame.header(3, descriptors, &writer)
            switch target {
            case .command(let id):
                writer.write(true)
                writer.write(id)
            case .everything:
                writer.write(false)
                writer.write(UInt32(0))
            }
            writer.write(signal)
        case .end: Frame.header(4, descriptors, &writer)
        case .prepare(let plan):
            Frame.header(5, descriptors, &writer)
            plan.encode(to: &writer)
        case .control(let request):
            Frame.header(6, descriptors, &writer)
            request.encode(to: &writer)
        case .attend: Frame.header(7, descriptors, &writer)
        case .answer(let id, let consent):
            Frame.header(8, descriptors, &writer)
            writer.write(id)
            writer.write(consent.rawValue)
        case .attach(let rows, let columns, let isReadOnly):
            Frame.header(10, descriptors, &writer)
            writer.write(rows)
            writer.write(columns)
            writer.write(isReadOnly)
        case .resize(let rows, let columns):
            Frame.header(11, descriptors, &writer)
            writer.write(rows)
            writer.write(columns)
        case .type(let input):
            Frame.header(12, descriptors, &writer)
            input.encode(to: &writer)
        case .detachAll: Frame.header(13, descriptors, &writer)
        case .attached(let offset, let rows, let columns):
            Frame.header(27, descriptors, &writer)
            writer.write(offset)
            writer.write(rows)
            writer.write(columns)
        case .resized(let rows, let columns):
            Frame.header(28, descriptors, &writer)
            writer.write(rows)
            writer.write(columns)
        case .detached: Frame.header(29, descriptors, &writer)
        case .notice(let text):
            Frame.header(30, descriptors, &writer)
            writer.write(text)
        case .connect(let id, let port):
            Frame.header(9, descriptors, &writer)
            writer.write(id)
            writer.write(port)
        case .connected(let id, let number):
            Frame.header(26, descriptors, &writer)
            writer.write(id)
            writer.write(number)
        case .reply(let reply):
            Frame.header(23, descriptors, &writer)
            reply.encode(to: &writer)
        case .question(let id, let text):
            Frame.header(24, descriptors, &writer)
            writer.write(id)
            writer.write(text)
        case .settled(let id):
            Frame.header(25, descriptors, &writer)
            writer.write(id)
        case .ready(let checks):
            Frame.header(16, descriptors, &writer)
            writer.write(checks)
        case .failed(let step, let subject, let number, let reason):
            Frame.header(17, descriptors, &writer)
            writer.write(step)
            writer.write(subject)
            writer.write(number)
            writer.write(reason)
        case .started(let id, let pid):
            Frame.header(18, descriptors, &writer)
            writer.write(id)
            writer.write(pid)
        case .stopped(let id, let signal):
            Frame.header(19, descriptors, &writer)
            writer.write(id)
            writer.write(signal)
        case .exited(let id, let end):
            Frame.header(20, descriptors, &writer)
            writer.write(id)
            switch end {
            case .exited(let code):
                writer.write(UInt8(0))
                writer.write(code)
            case .signaled(let signal):
                writer.write(UInt8(1))
                writer.write(signal)
            case .notStarted(let step, let number):
                writer.write(UInt8(2))
                writer.write(step)
                writer.write(number)
            }
        case .ended: Frame.header(21, descriptors, &writer)
        case .listeners(let sockets):
            Frame.header(22, descriptors, &writer)
            writer.write(sockets) { $1.encode(to: &$0) }
        }
        var bytes = writer.bytes
        withUnsafeBytes(of: UInt32(bytes.count - 4).littleEndian) { bytes.replaceSubrange(0..<4, with: $0) }
        return bytes
    }

    private static func header(_ type: UInt8, _ descriptors: Int, _ writer: inout WireWriter) {
        writer.write(type)
        writer.write(UInt8(clamping: descriptors))
    }

    /// Decodes what follows the length: type, descriptor count and fields. Trailing bytes are an error.
    public static func decode(_ body: [UInt8]) throws(WireError) -> (frame: Frame, descriptors: Int) {
        var reader = WireReader(body)
        let type = try reader.read(UInt8.self)
        let descriptors = Int(try reader.read(UInt8.self))
        let frame: Frame
        switch type {
        case 1: frame = .plan(try LaunchPlan(from: &reader))
        case 2: frame = .start(try ProcessRequest(from: &reader))
        case 3:
            let single = try reader.readBool()
            let id = try reader.read(UInt32.self)
            let signal = try reader.read(UInt8.self)
            guard signal > 0, signal < 65 else { throw WireError("no such signal") }
            frame = .signal(single ? .command(id) : .everything, signal)
        case 4: frame = .end
        case 5: frame = .prepare(try LaunchPlan(from: &reader))
        case 6: frame = .control(try ControlRequest(from: &reader))
        case 7: frame = .attend
        case 8:
            let id = try reader.read(UInt32.self)
            guard let consent = Consent(rawValue: try reader.read()) else { throw WireError("unknown answer") }
            frame = .answer(id: id, consent)
        case 9: frame = .connect(id: try reader.read(), port: try reader.read())
        case 26: frame = .connected(id: try reader.read(), errno: try reader.read())
        case 16: frame = .ready(checks: try reader.read())
        case 17:
            frame = .failed(
                step: try reader.readString(), subject: try reader.readString(), errno: try reader.read(),
                reason: try reader.readString())
        case 18: frame = .started(id: try reader.read(), pid: try reader.read())
        case 19: frame = .stopped(id: try reader.read(), signal: try reader.read())
        case 20:
            let id = try reader.read(UInt32.self)
            switch try reader.read(UInt8.self) {
            case 0: frame = .exited(id: id, .exited(try reader.read()))
            case 1: frame = .exited(id: id, .signaled(try reader.read()))
            case 2: frame = .exited(id: id, .notStarted(step: try reader.readString(), errno: try reader.read()))
            default: throw WireError("unknown end of a command")
            }
        case 21: frame = .ended
        case 22:
            frame = .listeners(
                try reader.readList { (reader: inout WireReader) throws(WireError) in try ListeningSocket(from: &reader) })
        case 23: frame = .reply(try ControlReply(from: &reader))
        case 24: frame = .question(id: try reader.read(), text: try reader.readString())
        case 25: frame = .settled(id: try reader.read())
        case 10: frame = .attach(rows: try reader.read(), columns: try reader.read(), isReadOnly: try reader.readBool())
        case 11: frame = .resize(rows: try reader.read(), columns: try reader.read())
        case 12: frame = .type(try TypedInput(from: &reader))
        case 13: frame = .detachAll
        case 27: frame = .attached(offset: try reader.read(), rows: try reader.read(), columns: try reader.read())
        case 28: frame = .resized(rows: try reader.read(), columns: try reader.read())
        case 29: frame = .detached
        case 30: frame = .notice(try reader.readString())
        default: throw WireError("unknown frame \(type)")
        }
        guard reader.isAtEnd else { throw WireError("bytes after the end of a frame") }
        return (frame, descriptors)
    }
}

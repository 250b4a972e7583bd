/// Where one of a command's first three descriptors leads.
public enum StandardStream: UInt8, Codable, Sendable {
    /// The next descriptor that came with the request: a pipe or a regular file.
    case passed
    /// The command's terminal.
    case terminal
    /// The sandbox's own /dev/null.
    case null
}

/// A command to start inside.
public struct ProcessRequest: Sendable, Equatable, WireCodable {
    /// Chosen by the requester; every later frame about the command carries it.
    public var id: UInt32
    public var arguments: [String]
    /// `NAME=value`, the whole environment.
    public var environment: [String]
    public var workingDirectory: String
    /// Descriptors 0, 1 and 2.
    public var streams: [StandardStream]
    /// The terminal's size in rows and columns, when any stream is one.
    public var rows: UInt16
    public var columns: UInt16
    /// Whether the terminal becomes the command's controlling terminal, with job control.
    public var controlsTerminal: Bool
    /// The file mode creation mask (umask(2)).
    public var umask: UInt16
    /// Whether the sandbox ends with this command.
    public var isMain: Bool

    public init(
        id: UInt32, arguments: [String], environment: [String], workingDirectory: String, streams: [StandardStream],
        rows: UInt16 = 0, columns: UInt16 = 0, controlsTerminal: Bool = false, umask: UInt16 = 0o022, isMain: Bool = false
    ) {
        self.id = id
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.streams = streams
        self.rows = rows
        self.columns = columns
        self.controlsTerminal = controlsTerminal
        self.umask = umask
        self.isMain = isMain
    }

    public var usesTerminal: Bool { streams.contains(.terminal) }

    public func encode(to writer: inout WireWriter) {
        writer.write(id)
        writer.write(arguments) { $0.write($1) }
        writer.write(environment) { $0.write($1) }
        writer.write(workingDirectory)
        writer.write(streams) { $0.write($1.rawValue) }
        writer.write(rows)
        writer.write(columns)
        writer.write(controlsTerminal)
        writer.write(umask)
        writer.write(isMain)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        id = try reader.read()
        arguments = try reader.readList { (reader: inout WireReader) throws(WireError) in try reader.readString() }
        environment = try reader.readList { (reader: inout WireReader) throws(WireError) in try reader.readString() }
        workingDirectory = try reader.readString()
        streams = try reader.readList { (reader: inout WireReader) throws(WireError) in
            guard let stream = StandardStream(rawValue: try reader.read()) else { throw WireError("unknown stream") }
            return stream
        }
        rows = try reader.read()
        columns = try reader.read()
        controlsTerminal = try reader.readBool()
        umask = try reader.read()
        isMain = try reader.readBool()
        guard streams.count == 3 else { throw WireError("a command has three standard streams") }
        guard !arguments.isEmpty else { throw WireError("a command has at least its name") }
    }
}

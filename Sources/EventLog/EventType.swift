/// What an event tells. The set may grow: a reader passes over what it does not know (docs/events.md).
public struct EventType: RawRepresentable, Sendable, Hashable {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    // MARK: The session

    public static let started = EventType(rawValue: "started")
    /// The session is working, idle, or needs a person.
    public static let state = EventType(rawValue: "state")
    public static let exited = EventType(rawValue: "exited")
    /// The session could not start or go on; what coop itself has to say.
    public static let failed = EventType(rawValue: "failed")
    /// The supervisor was killed: written by the next command that finds the session.
    public static let orphaned = EventType(rawValue: "orphaned")

    // MARK: The terminal and people

    /// Bytes that the terminal has received, kept in the file `terminal`.
    public static let terminal = EventType(rawValue: "terminal")
    /// What the terminal showed at one moment, so that nobody has to begin at its first byte.
    public static let screen = EventType(rawValue: "screen")
    public static let resized = EventType(rawValue: "resized")
    public static let input = EventType(rawValue: "input")
    public static let attached = EventType(rawValue: "attached")
    public static let detached = EventType(rawValue: "detached")

    // MARK: The agent

    public static let message = EventType(rawValue: "message")
    /// A part of a message or of thinking that is being written.
    public static let delta = EventType(rawValue: "delta")
    public static let thinking = EventType(rawValue: "thinking")
    public static let toolCall = EventType(rawValue: "tool_call")
    public static let toolResult = EventType(rawValue: "tool_result")
    public static let todos = EventType(rawValue: "todos")
    public static let usage = EventType(rawValue: "usage")
    public static let permission = EventType(rawValue: "permission")
    public static let attention = EventType(rawValue: "attention")
    public static let error = EventType(rawValue: "error")
    /// A line of the agent's stream that no rule describes.
    public static let raw = EventType(rawValue: "raw")

    // MARK: The sandbox

    public static let egress = EventType(rawValue: "egress")
    public static let file = EventType(rawValue: "file")
    public static let exec = EventType(rawValue: "exec")
    /// Bytes that a further command has written, kept in the file `exec`.
    public static let execOutput = EventType(rawValue: "exec_output")
    public static let execExited = EventType(rawValue: "exec_exited")
}

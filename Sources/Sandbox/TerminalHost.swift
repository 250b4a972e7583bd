import LinuxKernel
import WardenProtocol

/// What a supervisor needs of whoever holds the terminal of its session's command (Sessions.SessionHost). A client is known by a number.
public protocol TerminalHost: AnyObject {
    /// Shows the terminal to a client, or shows it again.
    ///
    /// - Parameter send: to the client, on the connection on which it asked.
    func attach(_ client: Int32, rows: UInt16, columns: UInt16, isReadOnly: Bool, send: @escaping (Frame, [Descriptor]) throws -> Void)
        throws
    func resize(_ client: Int32, rows: UInt16, columns: UInt16) throws
    /// The client is gone.
    func leave(_ client: Int32) throws
    /// Passes a signal on to the command.
    func signal(_ number: UInt8) throws
    func type(_ input: TypedInput) throws
    /// Sends everybody away.
    func detachAll() throws
}

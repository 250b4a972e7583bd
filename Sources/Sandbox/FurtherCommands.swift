import LinuxKernel
import WardenProtocol

/// Who is told of the further commands in a sandbox, those of `coop exec` and `coop shell` (Sessions.ExecutionRecorder). They are known by the
/// supervisor's own numbers.
public protocol FurtherCommands: AnyObject {
    func began(_ id: UInt32, _ request: ProcessRequest) throws
    /// - Returns: a socket for the client, which writes into it what it relays of the command's output; nil where nobody wants that.
    func copy(of id: UInt32) throws -> Descriptor?
    /// The command has ended; of one that was never begun here nothing is known.
    func ended(_ id: UInt32, _ end: ProcessEnd) throws
}

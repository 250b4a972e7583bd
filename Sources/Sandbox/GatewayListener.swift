import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import WardenProtocol

/// A socket from inside a sandbox, on which the gateway outside takes the sandbox's connections.
public struct GatewayListener: Sendable {
    /// What it is for, and its port inside.
    public let socket: ListeningSocket
    public let descriptor: Descriptor

    /// Checks that a descriptor is what it is said to be: it comes from inside.
    init(_ socket: ListeningSocket, descriptor: Descriptor) throws(CoopError) {
        var (family, type, listens, port): (Int32, Int32, Int32, UInt16) = (0, 0, 0, 0)
        let wanted = (
            family: socket.isIPv6 ? AF_INET6 : AF_INET, type: Int32((socket.isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue),
            listens: Int32(socket.isDatagram || socket.purpose == .reserved ? 0 : 1)
        )
        guard coop_describe_socket(descriptor.number, &family, &type, &listens, &port) == 0, family == wanted.family, type == wanted.type,
            listens == wanted.listens, port == socket.port
        else { throw GatewayListener.protocolError("a descriptor is not a socket for \(socket)") }
        self.socket = socket
        self.descriptor = descriptor
    }

    fileprivate static func protocolError(_ why: String) -> CoopError {
        CoopError(.failed, "the warden does not keep to the protocol", why, next: "coop doctor")
    }
}

extension LaunchedSandbox {
    /// Takes sockets from the warden: those that the plan makes, each once.
    func receive(_ sockets: [ListeningSocket], _ descriptors: [Descriptor]) throws(CoopError) {
        guard sockets.count == descriptors.count else { throw GatewayListener.protocolError("sockets without descriptors") }
        for (socket, descriptor) in zip(sockets, descriptors) {
            guard plannedListeners.contains(socket), !listeners.contains(where: { $0.socket == socket }) else {
                throw GatewayListener.protocolError("\(socket) is not in the plan")
            }
            listeners.append(try GatewayListener(socket, descriptor: descriptor))
        }
    }

    /// Whether every planned socket has arrived. On a kernel without IPv6 those of IPv6 do not exist.
    func requireListeners() throws(CoopError) {
        for planned in plannedListeners where !planned.isIPv6 && !listeners.contains(where: { $0.socket == planned }) {
            throw GatewayListener.protocolError("\(planned) is missing")
        }
    }
}

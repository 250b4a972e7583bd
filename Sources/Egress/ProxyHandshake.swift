import GatewayProtocol
import Glibc
import LinuxKernel

/// Asks an upstream proxy for a connection, and reads exactly its answer: what follows belongs to the connection.
///
/// The answer is bytes of somebody else's in this process, so nothing is made of it but the three digits of its status.
struct ProxyHandshake {
    enum Progress: Equatable {
        case waiting
        case open
        case failed(Unreachable)
    }

    /// The most bytes of an answer's head.
    static let limit = 16 << 10

    private var status: [UInt8] = []
    private var read = 0
    /// How much of an empty line the bytes so far end with.
    private var matched = 0

    /// Reads what has arrived.
    mutating func advance(_ socket: Int32) -> Progress {
        var chunk = [UInt8](repeating: 0, count: 2048)
        let count = recv(socket, &chunk, chunk.count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        if count < 0 { return errno == EAGAIN || errno == EINTR ? .waiting : .failed(.proxyFailed) }
        guard count > 0 else { return .failed(.proxyFailed) }
        let used = consume(chunk[..<count])
        // Taken only now, so that nothing beyond the head is.
        guard recv(socket, &chunk, used, Int32(MSG_DONTWAIT)) == used else { return .failed(.proxyFailed) }
        read += used
        if matched == 4 { return verdict }
        return read < ProxyHandshake.limit ? .waiting : .failed(.proxyFailed)
    }

    /// - Returns: how many of the bytes belong to the head.
    mutating func consume(_ bytes: some Collection<UInt8>) -> Int {
        var used = 0
        for byte in bytes {
            used += 1
            if status.count < 12 { status.append(byte) }
            let isReturn = byte == 13
            if isReturn {
                matched = matched == 2 ? 3 : 1
            } else if byte == 10 {
                matched = matched == 1 || matched == 3 ? matched + 1 : 0
            } else {
                matched = 0
            }
            if matched == 4 { break }
        }
        return used
    }

    /// `HTTP/1.1 200`
    var verdict: Progress {
        guard status.count == 12, status.starts(with: "HTTP/1.".utf8), status[8] == 32, status[9...].allSatisfy({ (48...57).contains($0) })
        else { return .failed(.proxyFailed) }
        if status[9] == 50 { return .open }
        return .failed(status[9...].elementsEqual("407".utf8) ? .proxyCredentials : .proxyRefused)
    }
}

import Glibc
import LinuxKernel

/// A blocking connection that writes whatever bytes a test wants.
final class RawClient {
    private let socket: Descriptor
    private(set) var received: [UInt8] = []

    init(_ socket: Descriptor) {
        self.socket = socket
        // A bug must fail a test, not hang it.
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(socket.number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    func send(_ text: String) throws { try socket.writeAll(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws { try socket.writeAll(bytes) }

    func endInput() { shutdown(socket.number, Int32(SHUT_WR)) }

    /// Resets instead of closing.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket.number, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    /// Everything until the peer closes.
    func readAll() -> String {
        while readSome() {}
        return text
    }

    /// Reads until `marker` has come, or the peer closes; takes what was read up to and with the marker.
    func read(until marker: String) -> String {
        while true {
            if let range = text.range(of: marker) {
                let head = String(text[..<range.upperBound])
                received.removeFirst(head.utf8.count)
                return head
            }
            if !readSome() { return text }
        }
    }

    private var text: String { String(decoding: received, as: UTF8.self) }

    /// The next byte; nil when the peer closes.
    func readByte() -> UInt8? {
        if received.isEmpty, !readSome() { return nil }
        return received.removeFirst()
    }

    private func readSome() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(socket.number, &buffer, buffer.count)
        guard count > 0 else { return false }
        received += buffer[0..<count]
        return true
    }
}

extension String {
    /// The first place where `other` stands.
    func range(of other: String) -> Range<String.Index>? {
        // By bytes: CR LF is one character.
        let haystack = Array(utf8)
        let needle = Array(other.utf8)
        guard !needle.isEmpty, haystack.count >= needle.count else { return nil }
        for start in 0...(haystack.count - needle.count)
        where haystack[start] == needle[0] && Array(haystack[start..<(start + needle.count)]) == needle {
            return utf8.index(startIndex, offsetBy: start)..<utf8.index(startIndex, offsetBy: start + needle.count)
        }
        return nil
    }
}

import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// The place on the loopback interface where a browser comes back after a login (RFC 8252, section 7.3). One short HTTP request at a time;
/// whatever is not the way back is refused.
struct LoopbackCallback {
    /// Bytes of a request's head at most, and milliseconds that a client may take for it.
    private static let limit = 16 << 10
    private static let patience: Int32 = 2000
    private static let path = "/callback"

    private let listener: Descriptor
    private let port: UInt16

    /// - Parameter port: 0 for any.
    init(port: UInt16) throws(CoopError) {
        do {
            listener = Descriptor(
                owning: try check("socket") { socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0) })
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let number = listener.number
            try withUnsafeMutablePointer(to: &address) { pointer throws(SystemError) in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer throws(SystemError) in
                    try check("bind") { bind(number, pointer, size) }
                    try check("listen") { listen(number, 8) }
                    try check("getsockname") { getsockname(number, pointer, &size) }
                }
            }
            self.port = UInt16(bigEndian: address.sin_port)
        } catch {
            throw CoopError(
                .failed, "cannot wait for the browser at port \(port) of the loopback interface", error.reason,
                next: "coop grant mcp auth --port 0 URL")
        }
    }

    /// Where the browser is sent.
    var address: String { "http://127.0.0.1:\(port)\(LoopbackCallback.path)" }

    /// Waits until the browser comes back with something that `accept` takes.
    ///
    /// - Parameter accept: gets the query; what it throws is shown in the browser. A refusal does not end the waiting: others may knock.
    func wait(seconds: Int, _ accept: (String) throws -> Void) throws {
        let end = LoopbackCallback.now() + Int64(seconds) * 1000
        while true {
            let left = end - LoopbackCallback.now()
            guard left > 0 else {
                throw CoopError(
                    .notReady, "the browser has not come back", "it was waited for \(seconds) s", next: "coop grant mcp auth URL")
            }
            var waiting = pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, Int32(clamping: left)) > 0 else { continue }
            let number = coop_accept_nonblocking(listener.number)
            guard number >= 0 else { continue }
            let client = Descriptor(owning: number)
            guard let query = LoopbackCallback.query(client) else {
                LoopbackCallback.answer(client, "404 Not Found", "There is nothing here.")
                continue
            }
            do {
                try accept(query)
                LoopbackCallback.answer(client, "200 OK", "You are logged in. You can close this page.")
                return
            } catch let error as CoopError {
                LoopbackCallback.answer(client, "400 Bad Request", "coop: \(error.message.printable)")
                if error.code != .refused { throw error }
            }
        }
    }

    /// The query of a request for the way back; nil for any other.
    private static func query(_ client: Descriptor) -> String? {
        var head: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        let end = now() + Int64(patience)
        while head.count < limit, !head.contains(UInt8(ascii: "\n")) {
            let left = end - now()
            var waiting = pollfd(fd: client.number, events: Int16(POLLIN), revents: 0)
            guard left > 0, poll(&waiting, 1, Int32(clamping: left)) > 0 else { return nil }
            let count = read(client.number, &chunk, chunk.count)
            guard count > 0 else { return nil }
            head += chunk[..<count]
        }
        let line = String(decoding: head.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[0] == "GET", words[2].hasPrefix("HTTP/1."), words[1].hasPrefix(path + "?") else { return nil }
        return String(words[1].dropFirst(path.utf8.count + 1))
    }

    private static func answer(_ client: Descriptor, _ status: String, _ text: String) {
        let body = text + "\n"
        let message =
            "HTTP/1.1 \(status)\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: \(body.utf8.count)\r\n"
            + "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n" + body
        // A browser that is gone by now has come back all the same.
        _ = message.withOSBytes { send(client.number, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        shutdown(client.number, Int32(SHUT_WR))
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

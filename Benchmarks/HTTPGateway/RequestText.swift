import NIOCore

/// The little of a request's head that the benchmark's upstream looks at.
struct RequestText {
    var method: Substring
    /// N of `/bytes/N`.
    var size: Int?
    var length = 0
    /// Whether the injected secret is there.
    var isAuthorised: Bool

    /// Takes one head out of `buffer`, when it is complete.
    static func take(_ buffer: inout ByteBuffer) -> RequestText? {
        guard let end = headLength(buffer), let text = buffer.readString(length: end) else { return nil }
        let lines = text.split(separator: "\r\n")
        let parts = lines.first?.split(separator: " ") ?? []
        guard parts.count == 3 else { return nil }
        let length = lines.first { $0.lowercased().hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) }
        return RequestText(
            method: parts[0], size: parts[1].hasPrefix("/bytes/") ? Int(parts[1].dropFirst(7)) : nil, length: length ?? 0,
            isAuthorised: lines.contains { $0.lowercased().hasPrefix("authorization: ") && $0.hasSuffix(": Bearer \(Benchmark.secret)") })
    }

    /// The length of a head with its empty line.
    static func headLength(_ buffer: ByteBuffer) -> Int? {
        let view = buffer.readableBytesView
        var position = view.startIndex
        while position + 3 < view.endIndex, let next = view[(position + 3)...].firstIndex(of: 0x0A) {
            if view[next - 1] == 0x0D, view[next - 2] == 0x0A, view[next - 3] == 0x0D { return next + 1 - view.startIndex }
            position = next - 2
        }
        return nil
    }
}

import NIOCore
import NIOHTTP1

/// A response that the gateway itself makes: denials and failures. Plain text, or JSON where the client asks for it; never
/// HTML, because it carries names that the request chose.
struct Refusal {
    var head: ResponseHead
    var body: String

    /// A request that policy does not let leave.
    init(_ denial: Denial, for request: RequestHead) {
        let rule = Self.line(denial.rule)
        let reason = Self.line(denial.reason)
        let next = denial.next.map(Self.line)
        if request.kind == .grpc {
            self.init(grpc: 7, message: "coop: denied by \(rule): \(reason)\(next.map { "; next: \($0)" } ?? "")")
        } else if Self.prefersJSON(request) {
            let fields = [("rule", rule), ("reason", reason)] + (next.map { [("next", $0)] } ?? [])
            let members = fields.map { "\"\($0.0)\":\(Self.json($0.1))" }.joined(separator: ",")
            self.init(status: 403, type: "application/json", body: "{\"error\":\"denied\",\(members)}\n")
        } else {
            self.init(
                status: 403, type: "text/plain; charset=utf-8",
                body: "coop: \(request.authority): denied by \(rule): \(reason)\n\(next.map { "Next: \($0)\n" } ?? "")")
        }
        head.headers.add(name: "X-Coop-Denied", value: rule)
    }

    /// A failure of the upstream, or a request that is not valid.
    init(status: Int, kind: Incident.Kind, reason: String, for request: RequestHead?) {
        let reason = Self.line(reason)
        if request?.kind == .grpc {
            self.init(grpc: 14, message: "coop: \(reason)")
        } else if let request, Self.prefersJSON(request) {
            self.init(
                status: status, type: "application/json",
                body: "{\"error\":\(Self.json(kind.rawValue)),\"host\":\(Self.json(request.authority)),\"reason\":\(Self.json(reason))}\n")
        } else {
            self.init(
                status: status, type: "text/plain; charset=utf-8",
                body: "coop: \(request.map { "\($0.authority): " } ?? "")\(reason)\n")
        }
        head.headers.add(name: "X-Coop-Error", value: kind.rawValue)
    }

    private init(status: Int, type: String, body: String) {
        head = ResponseHead(
            status: status, headers: ["Content-Type": type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"])
        self.body = body
    }

    /// A trailers-only response (gRPC over HTTP/2, Responses).
    private init(grpc status: Int, message: String) {
        var encoded = ""
        for byte in message.utf8 {
            if byte < 0x20 || byte > 0x7E || byte == 0x25 {
                PercentEncoding.append(byte, to: &encoded)
            } else {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        head = ResponseHead(
            status: 200,
            headers: ["content-type": "application/grpc", "grpc-status": String(status), "grpc-message": encoded])
        body = ""
    }

    private static func prefersJSON(_ request: RequestHead) -> Bool {
        request.headers["accept"].contains { value in
            FieldSyntax.members(value).contains { member in
                let type = FieldSyntax.lowercased(member.prefix { $0 != ";" && $0 != " " })
                return type == "application/json" || type.hasSuffix("+json")
            }
        }
    }

    /// The text on one line of visible ASCII, so that it can stand in a header too.
    private static func line(_ text: String) -> String {
        String(decoding: text.utf8.prefix(1000).map { (0x20...0x7E).contains($0) ? $0 : 0x3F }, as: UTF8.self)
    }

    private static func json(_ line: String) -> String {
        var result = "\""
        for character in line.unicodeScalars {
            if character == "\"" || character == "\\" { result.unicodeScalars.append("\\") }
            result.unicodeScalars.append(character)
        }
        return result + "\""
    }
}

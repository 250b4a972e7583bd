import GatewayProtocol

/// The answer to a request that the gateway refuses before an HTTP pipeline has read it. The connection ends with it.
enum DenialPage {
    /// - Parameters:
    ///   - status: the status code and its phrase.
    ///   - head: what is there of the request's head; JSON is chosen by its Accept field.
    static func refusal(_ denial: Denial, head: ArraySlice<UInt8>, status: String = "403 Forbidden") -> [UInt8] {
        let rule = String(denial.rule.prefix(512))
        let reason = String(denial.reason.prefix(512))
        let next = String(denial.next.prefix(512))
        let body: String
        let type: String
        if acceptsJSON(head) {
            type = "application/json"
            body = "{\"error\":{\"code\":\"denied\",\"rule\":\(quoted(rule)),\"message\":\(quoted(reason)),\"next\":\(quoted(next))}}\n"
        } else {
            type = "text/plain; charset=utf-8"
            body = "coop: denied by \(rule): \(reason)\n" + (next.isEmpty ? "" : "Next: \(next)\n")
        }
        return Array(
            """
            HTTP/1.1 \(status)\r
            Content-Type: \(type)\r
            Content-Length: \(body.utf8.count)\r
            X-Coop-Denied: \(fieldValue(rule))\r
            Connection: close\r
            \r
            \(body)
            """.utf8)
    }

    /// An answer without a rule: to a malformed request, or for an upstream that cannot be reached.
    static func failure(status: String, reason: String) -> [UInt8] {
        let body = "coop: \(reason)\n"
        return Array(
            """
            HTTP/1.1 \(status)\r
            Content-Type: text/plain; charset=utf-8\r
            Content-Length: \(body.utf8.count)\r
            Connection: close\r
            \r
            \(body)
            """.utf8)
    }

    private static func acceptsJSON(_ head: ArraySlice<UInt8>) -> Bool {
        // Only a choice between two bodies: the field is looked for, not parsed.
        let text = String(decoding: head.prefix(16 << 10), as: UTF8.self).lowercased()
        return text.split(whereSeparator: \.isNewline).prefix { !$0.isEmpty }
            .contains { $0.hasPrefix("accept:") && $0.contains("application/json") }
    }

    /// Visible ASCII only, so that no rule can add a field.
    private static func fieldValue(_ text: String) -> String {
        String(decoding: text.utf8.map { $0 >= 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    /// A JSON string (RFC 8259, 7).
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// The request target and the authority, checked against the connection's destination.
enum RequestTarget {
    /// Path and query with every byte outside ASCII percent-encoded.
    ///
    /// - Throws: for control characters, blanks, a fragment, or a path that does not begin with a slash.
    static func normalised(_ path: String, method: String) throws -> String {
        var path = path
        if path == "*" {
            guard method == "OPTIONS" else { throw MessageError.malformed("the target * with \(method)") }
            return path
        }
        let isPlain = try path.withUTF8 { bytes in
            guard bytes.first == 0x2F else { throw MessageError.malformed("a target that does not begin with a slash") }
            var isPlain = true
            for byte in bytes {
                if byte <= 0x20 || byte == 0x7F { throw MessageError.smuggling("a blank or control character in the target") }
                if byte == 0x23 { throw MessageError.malformed("a fragment in the target") }
                if byte >= 0x80 { isPlain = false }
            }
            return isPlain
        }
        if isPlain { return path }
        var result = ""
        for byte in path.utf8 {
            if byte >= 0x80 { PercentEncoding.append(byte, to: &result) } else { result.unicodeScalars.append(Unicode.Scalar(byte)) }
        }
        return result
    }

    /// The authority in lower case.
    ///
    /// - Throws: `smuggling` when it names anything but the connection's destination: then the judge would decide about one
    ///   host and the upstream would serve another (domain fronting).
    static func authority(_ text: String, for connection: ConnectionInfo) throws -> String {
        let authority = FieldSyntax.lowercased(text)
        if authority == connection.name, connection.port == (connection.isSecure ? 443 : 80) { return authority }
        // The port may be written even where it is the scheme's own; it is then left out.
        if authority == "\(connection.name):\(connection.port)" { return connection.authority }
        throw MessageError.smuggling("the request is for another host than the connection")
    }
}

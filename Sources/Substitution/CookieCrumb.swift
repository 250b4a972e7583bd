/// One `name=value` of a Cookie field (RFC 6265, section 4.2.1).
enum CookieCrumb {
    /// The name, without the white space around it.
    static func name(of crumb: String) -> String {
        let bytes = crumb.utf8.prefix { $0 != UInt8(ascii: "=") }
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        var trimmed = Substring(bytes).utf8.drop(while: isSpace)
        while let last = trimmed.last, isSpace(last) { trimmed.removeLast() }
        return String(Substring(trimmed))
    }
}

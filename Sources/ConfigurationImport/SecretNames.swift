/// How a secret is stored.
enum SecretNames {
    /// - Parameter source: the variable of the host that holds it.
    static func command(for key: String, from source: String? = nil) -> String {
        var name = String(
            String.UnicodeScalarView(
                key.unicodeScalars.map { scalar in
                    scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_") ? scalar : "_"
                })
        ).uppercased()
        if name.isEmpty || name.utf8.allSatisfy({ $0 == UInt8(ascii: "_") }) { name = "NAME" }
        return source.map { "printenv \($0) | coop secret add \(name)" } ?? "coop secret add \(name)"
    }
}

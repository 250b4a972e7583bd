/// A certificate as text.
enum PEM {
    static func encode(_ der: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        var column = 0
        for start in stride(from: 0, to: der.count, by: 3) {
            let left = der.count - start
            let group = UInt32(der[start]) << 16 | (left > 1 ? UInt32(der[start + 1]) << 8 : 0) | (left > 2 ? UInt32(der[start + 2]) : 0)
            text.append(alphabet[Int(group >> 18)])
            text.append(alphabet[Int(group >> 12 & 63)])
            text.append(left > 1 ? alphabet[Int(group >> 6 & 63)] : "=")
            text.append(left > 2 ? alphabet[Int(group & 63)] : "=")
            column += 4
            if column == 64 {
                text += "\n"
                column = 0
            }
        }
        return "-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n"
    }
}

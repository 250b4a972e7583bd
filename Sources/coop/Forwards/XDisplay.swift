import LinuxKernel
import Projects

/// A display of X11 on this machine, and the cookie that opens it.
struct XDisplay {
    static let authorityName = "Xauthority"
    /// `:0`, `:1.0`.
    let name: String
    private let number: String

    /// - Parameter text: DISPLAY; nil where it names a display elsewhere, or none.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let host = text[..<colon]
        let rest = text[text.index(after: colon)...]
        number = String(rest.prefix { $0 != "." })
        guard host.isEmpty || host == "unix", (1...3).contains(number.count), number.allSatisfy(\.isNumber) else { return nil }
        name = ":" + rest
    }

    var socket: String { "/tmp/.X11-unix/X" + number }

    /// The file that opens this display, and no other, whatever name the machine has: inside it is another one (Xau(3)).
    ///
    /// - Returns: nil where there is no cookie for it.
    func authority(userHome: String) -> [UInt8]? {
        let path = environmentVariable("XAUTHORITY") ?? FileSystem.join(userHome, ".Xauthority")
        guard let bytes = try? FileSystem.read(path, limit: 1 << 20) else { return nil }
        var position = 0
        func field() -> [UInt8]? {
            guard position + 2 <= bytes.count else { return nil }
            let length = Int(bytes[position]) << 8 | Int(bytes[position + 1])
            guard position + 2 + length <= bytes.count else { return nil }
            defer { position += 2 + length }
            return Array(bytes[position + 2..<position + 2 + length])
        }
        while position + 2 <= bytes.count {
            // The family of the address, the address, the display, the kind of the secret, the secret.
            let family = Int(bytes[position]) << 8 | Int(bytes[position + 1])
            position += 2
            guard field() != nil, let display = field(), let kind = field(), let secret = field() else { return nil }
            let isLocal = family == 256 || family == 0xFFFF
            guard isLocal, display.isEmpty || display == Array(number.utf8), kind == Array("MIT-MAGIC-COOKIE-1".utf8) else { continue }
            var result: [UInt8] = [0xFF, 0xFF, 0, 0]
            for part in [Array(number.utf8), kind, secret] { result += [UInt8(part.count >> 8), UInt8(part.count & 0xFF)] + part }
            return result
        }
        return nil
    }
}

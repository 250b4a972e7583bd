/// ClientHellos as bytes, with whatever is wrong with them.
enum TLSBytes {
    static func uint16(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 255), UInt8(value & 255)] }
    static func vector16(_ bytes: [UInt8]) -> [UInt8] { uint16(bytes.count) + bytes }

    static func serverName(_ name: [UInt8]) -> [UInt8] { uint16(0) + vector16(vector16([0] + vector16(name))) }
    static func protocols(_ names: [String]) -> [UInt8] {
        uint16(16) + vector16(vector16(names.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }))
    }

    /// The handshake message with these extensions.
    static func message(extensions: [UInt8]) -> [UInt8] {
        let random = [UInt8](repeating: 7, count: 32)
        let body = [3, 3] + random + [0] + vector16([0x13, 0x01, 0x13, 0x02]) + [1, 0] + vector16(extensions)
        return [1, UInt8(body.count >> 16), UInt8(body.count >> 8 & 255), UInt8(body.count & 255)] + body
    }

    /// A message in records of at most `size` bytes.
    static func records(_ message: [UInt8], size: Int = 16384) -> [UInt8] {
        var result: [UInt8] = []
        var rest = message[...]
        while !rest.isEmpty {
            let piece = rest.prefix(size)
            result += [22, 3, 1] + vector16(Array(piece))
            rest = rest.dropFirst(size)
        }
        return result
    }

    static func clientHello(name: String?, protocols offered: [String] = ["h2"], padding: Int = 0) -> [UInt8] {
        let padded = padding > 0 ? uint16(21) + vector16([UInt8](repeating: 0, count: padding)) : []
        return records(
            message(extensions: (name.map { serverName(Array($0.utf8)) } ?? []) + padded + (offered.isEmpty ? [] : protocols(offered))))
    }
}

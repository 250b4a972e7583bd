import Glibc

/// What the files `tip` and `synced` hold: one line of JSON of a fixed length, with a code of its own.
///
/// It is shorter than a sector and written in place by one write(2), so that neither a killed process nor a power failure leaves half
/// of it behind.
struct TipRecord: Sendable, Equatable {
    /// What the record says about its position. It is part of what the code covers, so that one file cannot stand in for the other.
    enum Purpose: String, Sendable {
        /// The end of what has been written.
        case tip
        /// The end of what is known to be on the disk.
        case synced
    }

    var position: ChainPosition
    /// The kernel's boot_id (random(4)) when it was written: after a power failure the disk may hold less than was written.
    var boot: String

    static let byteCount = 384

    private static let mac = Array(",\"mac\":\"".utf8)

    /// The present boot; empty when the kernel does not tell.
    static func currentBoot() -> String {
        let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 36)
        guard read(descriptor, &buffer, 36) == 36, buffer.allSatisfy({ $0 == 0x2D || ByteScanner.isHexDigit($0) }) else { return "" }
        return String(decoding: buffer, as: UTF8.self)
    }

    /// The bytes of the file.
    func encoded(_ purpose: Purpose, key: ChainKey) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(TipRecord.byteCount)
        bytes.append(
            contentsOf:
                "{\"\(purpose.rawValue)\":{\"file\":\(position.file),\"offset\":\(position.offset),\"seq\":\(position.sequence),\"code\":\""
                .utf8)
        position.code.append(to: &bytes)
        bytes.append(contentsOf: "\",\"boot\":\"\(boot)\"}".utf8)
        let code = bytes.withUnsafeBytes { key.code(of: $0) }
        bytes.append(contentsOf: TipRecord.mac)
        code.append(to: &bytes)
        bytes.append(contentsOf: "\"}".utf8)
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: TipRecord.byteCount - 1 - bytes.count))
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// Reads a record; nil when it is not one, or its code is wrong.
    init?(_ bytes: UnsafeRawBufferPointer, _ purpose: Purpose, key: ChainKey) {
        guard bytes.count == TipRecord.byteCount else { return nil }
        var scanner = ByteScanner(bytes)
        guard scanner.skip("{\"\(purpose.rawValue)\":{\"file\":"), let file = scanner.number(), file <= UInt64(UInt32.max),
            scanner.skip(",\"offset\":"), let offset = scanner.number(), offset <= UInt64(Int64.max),
            scanner.skip(",\"seq\":"), let sequence = scanner.number(), scanner.skip(",\"code\":\""),
            let code = scanner.code(), scanner.skip("\",\"boot\":\""),
            let boot = scanner.text(limit: 36, where: { $0 == 0x2D || ByteScanner.isHexDigit($0) }), scanner.skip("\"}")
        else { return nil }
        let covered = UnsafeRawBufferPointer(rebasing: bytes[0..<scanner.index])
        guard scanner.skip(",\"mac\":\""), let mac = scanner.code(), scanner.skip("\"}"), key.code(of: covered) == mac else { return nil }
        position = ChainPosition(file: UInt32(file), offset: offset, sequence: sequence, code: code)
        self.boot = boot
    }

    init(position: ChainPosition, boot: String) {
        self.position = position
        self.boot = boot
    }
}

import Glibc
import LinuxKernel

/// The contents before and after a change, read when somebody asks.
final class ChangedContent {
    private let change: Change
    private var read: (before: [UInt8]?, after: [UInt8]?, isReadable: Bool)?

    private var start: [UInt8]?

    /// Files that are larger are not looked into.
    private static let longest = 16 << 20
    private static let beginning = 128

    init(_ change: Change) { self.change = change }

    var before: [UInt8]? { contents.before }
    var after: [UInt8]? { contents.after }
    /// Whether both could be read.
    var isReadable: Bool { contents.isReadable }

    /// Whether the bytes are others than before; true in doubt.
    var differs: Bool {
        guard let before = change.before, let after = change.after, before.kind == after.kind, before.size == after.size else {
            return true
        }
        guard isReadable else { return true }
        return self.before != self.after
    }

    /// The first bytes of what a file becomes, as many as anybody looks at; none of everything else.
    ///
    /// - Throws: for what cannot be read.
    func beginning() throws -> [UInt8] {
        if let start { return start }
        guard let version = change.after, version.kind == .file, version.size > 0 else { return [] }
        let bytes = try version.open().readStart(ChangedContent.beginning)
        start = bytes
        return bytes
    }

    private var contents: (before: [UInt8]?, after: [UInt8]?, isReadable: Bool) {
        if let read { return read }
        var result: (before: [UInt8]?, after: [UInt8]?, isReadable: Bool) = (nil, nil, true)
        do {
            result.before = try change.before.flatMap { $0.hasContent ? try $0.content(limit: ChangedContent.longest) : nil }
            result.after = try change.after.flatMap { $0.hasContent ? try $0.content(limit: ChangedContent.longest) : nil }
        } catch {
            result = (nil, nil, false)
        }
        read = result
        return result
    }
}

extension Descriptor {
    /// At most `count` bytes from the current place.
    fileprivate func readStart(_ count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemError) {
                while filled < count {
                    let got = try check("read") { Glibc.read(number, buffer.baseAddress.map { $0 + filled }, count - filled) }
                    if got == 0 { break }
                    filled += got
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

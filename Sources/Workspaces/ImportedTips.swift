import Glibc
import LinuxKernel

/// Where imports of one session have put the branch that is its own: a list beside the private git directory, out of the sandbox's reach.
struct ImportedTips {
    private let path: String
    private static let limit = 1 << 20

    init(beside directory: String) { path = directory + ".imported" }

    func read() throws(SystemError) -> [ObjectID] {
        guard let bytes = try FileBytes.contents(path, limit: ImportedTips.limit * 2) else { return [] }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { ObjectID(String(decoding: $0, as: UTF8.self)) }
    }

    func add(_ id: ObjectID) throws(SystemError) {
        let known = try read()
        if known.contains(id) { return }
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
        try file.writeAll((id.hex + "\n").utf8, subject: path)
    }
}

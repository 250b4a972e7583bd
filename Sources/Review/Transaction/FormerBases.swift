import Glibc
import LinuxKernel

/// What the base of paths was before a landing, where that is not what came out of the tree: kept with the landing, so that an undo can
/// bring both back.
enum FormerBases {
    private static let limit = 1 << 30

    static func encode(_ files: [(path: String, version: FileVersion)]) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for (path, version) in files where version.kind == .file {
            guard let content = try? version.content(limit: LandingPlanner.longestText) else { continue }
            for field in [path, String(version.mode), String(content.count)] { bytes += field.osBytes + [0] }
            bytes += content
        }
        return bytes
    }

    /// - Returns: none where there is no such file.
    static func read(_ path: String) throws -> [PathBytes: FileVersion] {
        guard FileSystem.kind(path) == .file else { return [:] }
        let bytes = try FileSystem.read(path, limit: limit)
        var result: [PathBytes: FileVersion] = [:]
        var place = 0
        func field() -> String? {
            guard let end = bytes[place...].firstIndex(of: 0) else { return nil }
            defer { place = end + 1 }
            return String(osBytes: bytes[place..<end])
        }
        while place < bytes.count {
            guard let name = field(), let mode = field().flatMap({ UInt32($0) }), let count = field().flatMap({ Int($0) }), count >= 0,
                count <= bytes.count - place
            else { throw SystemError("read", path, errno: EINVAL) }
            result[PathBytes(name)] = .bytes(Array(bytes[place..<place + count]), mode: mode)
            place += count
        }
        return result
    }
}

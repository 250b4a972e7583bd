import Glibc
import LinuxKernel

/// What the base of paths was before a landing, where that is not what came out of the tree: kept with the landing, so that an undo can
/// bring both back.
enum FormerBases {
    private static let limit = 1 << 30

    /// - Throws: `StepRunner.Conflict` for a content that cannot be kept: without it an undo would take what the user had there for the base, and
    ///   the next apply overwrite it.
    static func encode(_ versions: [(path: String, version: FileVersion)]) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for (path, version) in versions where version.kind == .file || version.kind == .directory {
            let isFile = version.kind == .file
            let content: [UInt8]
            do { content = isFile ? try version.content(limit: LandingPlanner.longestText) : [] } catch {
                throw StepRunner.Conflict(path: path, reason: "how it was before cannot be kept for an undo (\(error))")
            }
            let properties = TreeStep.Properties(mode: version.mode, attributes: version.attributes)
            for field in [path, isFile ? "file" : "directory", properties.text, String(content.count)] { bytes += field.osBytes + [0] }
            bytes += content
        }
        return bytes
    }

    /// - Returns: none where there is no such file.
    static func read(_ path: String) throws -> [PathBytes: FileVersion] {
        guard try FileSystem.kindIfPresent(path) == .file else { return [:] }
        let bytes = try FileSystem.read(path, limit: limit)
        var result: [PathBytes: FileVersion] = [:]
        var place = 0
        func field() -> String? {
            guard let end = bytes[place...].firstIndex(of: 0) else { return nil }
            defer { place = end + 1 }
            return String(osBytes: bytes[place..<end])
        }
        while place < bytes.count {
            guard let name = field(), let kind = field(), let properties = field().flatMap({ TreeStep.Properties(text: $0) }),
                let count = field().flatMap({ Int($0) }), count >= 0,
                count <= bytes.count - place
            else { throw SystemError("read", path, errno: EINVAL) }
            result[PathBytes(name)] =
                kind == "directory"
                ? properties.version
                : .bytes(Array(bytes[place..<place + count]), mode: properties.mode, attributes: properties.attributes ?? [:])
            place += count
        }
        return result
    }
}

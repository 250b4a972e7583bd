import Glibc
import LinuxKernel

/// Texts that are kept beside the tests, and compared as a whole. `COOP_GOLDEN=write` writes them anew.
enum Golden {
    private static let directory = FileSystem.normalize(#filePath + "/../Golden")

    /// The first line that is not as it was; nil when all are.
    static func difference(_ text: String, _ name: String) throws -> String? {
        let path = FileSystem.join(directory, name)
        if let mode = getenv("COOP_GOLDEN"), String(cString: mode) == "write" {
            try FileSystem.replace(path, with: text.utf8, mode: 0o644)
            return nil
        }
        let expected = String(osBytes: try FileSystem.read(path)).split(separator: "\n", omittingEmptySubsequences: false)
        let found = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (line, pair) in zip(expected, found).enumerated() where pair.0 != pair.1 {
            return "\(name):\(line + 1)\nexpected: \(pair.0)\nfound:    \(pair.1)"
        }
        return expected.count == found.count ? nil : "\(name): \(found.count) lines, expected \(expected.count)"
    }
}

import LinuxKernel
import Workspaces

/// What the tree that a change lands in holds already, as far as it decides what the change means. Each is looked up once; what cannot be
/// looked at counts as what a question follows from.
final class TreeFacts {
    private let root: String
    private var repositories: [PathBytes: Bool] = [:]
    private var environments: [PathBytes: Bool] = [:]
    private var lettersTold: [PathBytes: Bool] = [:]

    init(root: String) { self.root = root }

    private func remembered(_ facts: inout [PathBytes: Bool], _ directory: String, _ find: (String) -> Bool) -> Bool {
        if let known = facts[PathBytes(directory)] { return known }
        let found = find(directory.isEmpty ? root : FileSystem.join(root, directory))
        facts[PathBytes(directory)] = found
        return found
    }

    // MARK: - Repositories

    /// Whether a directory, empty for the root, has a `HEAD` as git writes it: with `objects` and `refs` beside it, it is a repository.
    func hasHead(_ directory: String) -> Bool {
        remembered(&repositories, directory) { path in
            let head = FileSystem.join(path, "HEAD")
            switch FileSystem.kind(head, followLinks: false) {
            case .file:
                // What cannot be read may be one.
                guard let bytes = try? FileSystem.read(head, limit: 1 << 16) else { return true }
                return TreeFacts.isHead(bytes)
            case .symlink: return FileSystem.readLink(head)?.hasPrefix("refs/") ?? true
            default: return false
            }
        }
    }

    /// Whether git would take a file `HEAD` for one of its own (setup.c, `is_git_directory`).
    static func isHead(_ bytes: some Collection<UInt8>) -> Bool {
        if bytes.starts(with: "ref:".utf8) { return true }
        let digits = bytes.prefix { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) || ($0 >= 0x41 && $0 <= 0x46) }
        return digits.count >= 40
    }

    // MARK: - Environments

    /// The directory above a path that programs are installed in, as Python's venv and conda do it, whatever it is called; empty for the root.
    func environment(of path: String) -> String? {
        if let directory = TransactionTree.parents(of: path).first(where: isEnvironment) { return directory }
        // One that was made in the root of a project has sources beside it.
        guard let first = FileSystem.components(of: path).first,
            ["bin", "lib", "lib64", "include", "scripts", "conda-meta"].contains(FoldedPath.fold(first)), isEnvironment("")
        else { return nil }
        return ""
    }

    private func isEnvironment(_ directory: String) -> Bool {
        remembered(&environments, directory) { path in
            FileSystem.kind(FileSystem.join(path, "pyvenv.cfg"), followLinks: false) != nil
                || FileSystem.kind(FileSystem.join(path, "conda-meta"), followLinks: false) != nil
        }
    }

    // MARK: - Letter case

    /// Whether a directory is known to tell `AGENTS.md` from `agents.md`: by a name in it, or in the nearest directory above that there is.
    func tellsLettersApart(_ directory: String) -> Bool {
        remembered(&lettersTold, directory) { path in
            var place = path
            while FileSystem.kind(place, followLinks: false) == nil, FileSystem.contains(root, place), place != root {
                place = FileSystem.parent(of: place)
            }
            do {
                let beneath = try BeneathDirectory(place)
                for (name, _) in try beneath.entries(limit: 1000) {
                    let other = String(osBytes: name.osBytes.map(TreeFacts.otherCase))
                    if other.utf8.elementsEqual(name.utf8) { continue }
                    guard let second = try beneath.status(other) else { return true }
                    // Two names for one file?
                    let first = try beneath.status(name)
                    return first?.st_ino != second.st_ino || first?.st_dev != second.st_dev
                }
                return false
            } catch {
                return false
            }
        }
    }

    private static func otherCase(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x41...0x5A: byte + 32
        case 0x61...0x7A: byte - 32
        default: byte
        }
    }
}

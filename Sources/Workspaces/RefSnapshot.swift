import CoopErrors
import Glibc
import LinuxKernel

/// The references and the HEAD of a repository at one moment.
public struct RefSnapshot: Sendable, Equatable {
    /// What HEAD says.
    public enum Head: Sendable, Equatable {
        /// On a branch, which need not exist yet: `refs/heads/main`.
        case branch(String)
        case detached(ObjectID)
    }

    public var head: Head
    /// Full name to object, without symbolic references and those private to a worktree.
    public var refs: [String: ObjectID]
    /// Symbolic references other than HEAD: `refs/remotes/origin/HEAD` to `refs/remotes/origin/main`.
    public var symbolic: [String: String]

    /// The commit of HEAD; nil on a branch without commits.
    public var headCommit: ObjectID? {
        switch head {
        case .branch(let name): refs[name]
        case .detached(let id): id
        }
    }

    static let refLimit = 200_000

    /// Reads HEAD, loose and packed references of a files-format repository; nil when something there needs git itself.
    package static func read(_ repository: GitRepository) throws(SystemError) -> RefSnapshot? {
        let common = repository.commonDirectory
        if FileSystem.kind(FileSystem.join(common, "reftable"), followLinks: false) != nil { return nil }
        guard let headBytes = try FileBytes.contents(FileSystem.join(repository.gitDirectory, "HEAD"), limit: 4096),
            let head = parseHead(headBytes)
        else { return nil }
        var refs: [String: ObjectID] = [:]
        var symbolic: [String: String] = [:]
        // Loose first: git writes a reference into packed-refs before it removes the loose file, so that none is missed.
        guard try readLoose(FileSystem.join(common, "refs"), "refs", &refs, &symbolic, depth: 0) else { return nil }
        if let packed = try FileBytes.contents(FileSystem.join(common, "packed-refs"), limit: 256 << 20) {
            guard let entries = parsePacked(packed) else { return nil }
            for (name, id) in entries where refs[name] == nil && symbolic[name] == nil { refs[name] = id }
        }
        return RefSnapshot(head: head, refs: refs, symbolic: symbolic)
    }

    /// The text of a HEAD file.
    package static func parseHead(_ bytes: [UInt8]) -> Head? {
        let text = String(osBytes: bytes.prefix { $0 != UInt8(ascii: "\n") })
        if text.hasPrefix("ref:") {
            let name = String(text.dropFirst(4).drop { $0 == " " || $0 == "\t" })
            return name.hasPrefix("refs/heads/") ? .branch(name) : nil
        }
        return ObjectID(text).map(Head.detached)
    }

    /// References that belong to one worktree (gitrepository-layout(5), `refs`).
    static func isPerWorktree(_ name: String) -> Bool {
        name.hasPrefix("refs/bisect/") || name.hasPrefix("refs/worktree/") || name.hasPrefix("refs/rewritten/")
    }

    /// false when there is anything but plain reference files.
    private static func readLoose(
        _ path: String, _ name: String, _ refs: inout [String: ObjectID], _ symbolic: inout [String: String], depth: Int
    ) throws(SystemError) -> Bool {
        guard depth < 64 else { return false }
        let entries: [(name: String, kind: FileKind?)]
        do throws(SystemError) {
            entries = try FileSystem.entries(path)
        } catch  where error.errno == ENOENT {
            // Git removes empty directories when it packs references.
            return true
        }
        for entry in entries {
            let child = FileSystem.join(path, entry.name)
            let full = "\(name)/\(entry.name)"
            switch entry.kind {
            case .directory:
                if isPerWorktree(full + "/") { continue }
                guard try readLoose(child, full, &refs, &symbolic, depth: depth + 1) else { return false }
            case .file:
                if entry.name.hasSuffix(".lock") { continue }
                guard refs.count < refLimit else { return false }
                guard let bytes = try FileBytes.contents(child, limit: 4096) else { continue }
                let text = String(osBytes: bytes.prefix { $0 != UInt8(ascii: "\n") })
                if let id = ObjectID(text) {
                    refs[full] = id
                } else if text.hasPrefix("ref: "), RefName.isValid(String(text.dropFirst(5))) {
                    symbolic[full] = String(text.dropFirst(5))
                } else if !bytes.isEmpty {
                    // An empty file is what a power loss leaves; git ignores it as broken.
                    return false
                }
            default: return false
            }
        }
        return true
    }

    /// A packed-refs file: `<id> SP <name>` lines; `#` comments and `^` peeled values are skipped.
    static func parsePacked(_ bytes: [UInt8]) -> [(String, ObjectID)]? {
        var result: [(String, ObjectID)] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            if line.first == UInt8(ascii: "#") || line.first == UInt8(ascii: "^") { continue }
            guard let space = line.firstIndex(of: UInt8(ascii: " ")), let id = ObjectID(String(decoding: line[..<space], as: UTF8.self)),
                result.count < refLimit
            else { return nil }
            result.append((String(osBytes: line[(space + 1)...]), id))
        }
        return result
    }

    /// The same by git, for a repository that keeps its references in another form.
    package static func read(asking git: HostGit) throws -> RefSnapshot {
        let listing = try git.run(["for-each-ref", "--format=%(objectname) %(objecttype) %(refname) %(symref)"])
        guard let parsed = RefListing.parse(listing, limit: refLimit) else {
            throw CoopError(
                .failed, "cannot read the references of \(git.repository.workTree.printable)", "git's answer was not understood",
                next: "git -C \(git.repository.workTree.printable) for-each-ref")
        }
        var symbolic: [String: String] = [:]
        for (name, target) in parsed.symbolic { symbolic[name] = target }
        let branch = try git.attempt(["symbolic-ref", "-q", "HEAD"])
        let head: Head
        if branch.status.isSuccess {
            head = .branch(String(osBytes: branch.output.prefix { $0 != UInt8(ascii: "\n") }))
        } else {
            let line = try git.run(["rev-parse", "--verify", "HEAD"]).prefix { $0 != UInt8(ascii: "\n") }
            guard let id = ObjectID(String(decoding: line, as: UTF8.self)) else {
                throw CoopError(
                    .failed, "cannot read HEAD of \(git.repository.workTree.printable)", "git's answer was not understood",
                    next: "git -C \(git.repository.workTree.printable) symbolic-ref HEAD")
            }
            head = .detached(id)
        }
        return RefSnapshot(head: head, refs: parsed.refs.filter { !isPerWorktree($0.key) }, symbolic: symbolic)
    }

    /// The references as the text of a `packed-refs` file.
    ///
    /// Without the line that says how it was written: it would have to say `peeled` for GitPython, which every tag is looked at for.
    var packedText: [UInt8] {
        var result: [UInt8] = []
        // Git searches the file by bytes, not by characters.
        let sorted = refs.map { (name: $0.key.osBytes, id: $0.value) }.sorted { $0.name.lexicographicallyPrecedes($1.name) }
        for entry in sorted {
            result.append(contentsOf: entry.id.hex.utf8)
            result.append(UInt8(ascii: " "))
            result.append(contentsOf: entry.name)
            result.append(UInt8(ascii: "\n"))
        }
        return result
    }
}

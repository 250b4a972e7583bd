import CoopErrors
import Glibc
import LinuxKernel

/// What is being done to a repository and to coop's own directories for one task: written before it is begun, removed when it is done, and
/// locked in between. One whose lock is free was left by a command that was killed; the next command finishes it.
final class TaskJournal {
    struct Entry: Equatable {
        enum Kind: String {
            case create, remove
        }

        var kind: Kind
        var name: TaskName
        /// The directory of the tasks.
        var store: String
        /// The top level of the user's working tree, by which its repository is found again.
        var workTree: String
        /// Git's common directory.
        var commonDirectory: String
        /// Git's name of the worktree.
        var worktree: String
        /// What the branch is made as, or where it must still be for it to go; nil when it stays as it is.
        var tip: String?
    }

    let entry: Entry
    private let path: String
    private let lock: Descriptor

    private init(entry: Entry, path: String, lock: Descriptor) {
        self.entry = entry
        self.path = path
        self.lock = lock
    }

    /// - Parameter directory: `$COOP_HOME/state/tasks`, which must exist.
    static func begin(_ entry: Entry, in directory: String) throws(SystemError) -> TaskJournal {
        var failure = SystemError("flock", directory, errno: EWOULDBLOCK)
        for _ in 0..<16 {
            let name = "\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
            let path = FileSystem.join(directory, name)
            let hidden = FileSystem.join(directory, "." + name)
            // Locked before it has a name that the next command believes.
            let file = try Descriptor.open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            do throws(SystemError) {
                try check("flock", hidden) { flock(file.number, LOCK_EX | LOCK_NB) }
                try file.writeAll(entry.encoded, subject: hidden)
                try FileSystem.rename(hidden, to: path)
                return TaskJournal(entry: entry, path: path, lock: file)
            } catch  where error.errno == EWOULDBLOCK || error.errno == ENOENT {
                // Another command took it for what a killed one has left, before it was locked.
                failure = error
            }
        }
        throw failure
    }

    /// Everything is done.
    func end() throws(SystemError) { try FileSystem.removeFile(path) }

    /// What killed commands have left, locked. Usually an empty directory.
    static func leftovers(in directory: String) throws(SystemError) -> [TaskJournal] {
        var result: [TaskJournal] = []
        let names: [String]
        do throws(SystemError) { names = try FileSystem.list(directory) } catch  where error.errno == ENOENT { return [] }
        for name in names {
            let path = FileSystem.join(directory, name)
            let file: Descriptor
            do throws(SystemError) { file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW) } catch  where error.errno == ENOENT {
                continue
            }
            if flock(file.number, LOCK_EX | LOCK_NB) != 0 {
                if errno == EWOULDBLOCK || errno == EINTR { continue }
                throw SystemError("flock", path)
            }
            if name.hasPrefix(".") {
                // Nothing was done yet.
                try FileSystem.removeFile(path)
                continue
            }
            // It may have been finished while we waited for it.
            guard try FileSystem.kindIfPresent(path, followLinks: false) == .file else { continue }
            guard let entry = Entry(parsing: try file.readAll(limit: 1 << 16, subject: path)) else {
                // It got its name when it was whole: only a power loss leaves half of one, and nobody can tell any more what it was about.
                try FileSystem.removeFile(path)
                continue
            }
            result.append(TaskJournal(entry: entry, path: path, lock: file))
        }
        return result
    }
}

extension TaskJournal.Entry {
    private static let header = "coop-task-journal 1"

    var encoded: [UInt8] {
        FieldLines.encode(
            TaskJournal.Entry.header,
            [
                ("kind", kind.rawValue), ("name", name.text), ("store", store), ("work_tree", workTree), ("common", commonDirectory),
                ("worktree", worktree), ("tip", tip),
            ])
    }

    init?(parsing bytes: [UInt8]) {
        guard let fields = FieldLines.decode(TaskJournal.Entry.header, bytes), let kind = fields["kind"].flatMap({ Kind(rawValue: $0) }),
            let name = fields["name"].flatMap({ try? TaskName($0) }), let store = fields["store"], store.hasPrefix("/"),
            let workTree = fields["work_tree"], let common = fields["common"], common.hasPrefix("/"), let worktree = fields["worktree"],
            !worktree.isEmpty, !worktree.contains("/"), worktree != ".", worktree != ".."
        else { return nil }
        self.init(
            kind: kind, name: name, store: store, workTree: workTree, commonDirectory: common, worktree: worktree, tip: fields["tip"])
    }
}

import CLinux
import Glibc
import LinuxKernel

/// Which files of a workspace have changed since it was last looked at, by the one time of a file that nobody can set: that of the last
/// change of its status (inode(7)); and which of those that were there are gone.
///
/// No directory is entered through a link, git is not run, and nothing is read but names and times. What lies in `.git` or where tools put what
/// they generate is not seen.
public struct ChangedFiles: Sendable {
    public struct Change: Sendable, Equatable {
        public enum Kind: String, Sendable {
            /// It has come into being since the last look, where the file system says so.
            case created
            case changed
            case removed
        }

        /// Relative to the workspace.
        public var path: String
        public var kind: Kind

        public init(path: String, kind: Kind) {
            self.path = path
            self.kind = kind
        }
    }

    /// How many directory entries a look takes.
    static let mostEntries = 10_000
    /// How many changes it tells.
    static let mostChanges = 200

    private let root: String
    private var since: timespec
    /// A workspace that is no repository and too large may be anything, a home for instance: nobody asked for its changes.
    private var isTooLarge = false
    /// What was told last: the clock of files is coarse, and a look in the same tick would tell it again.
    private var told: [String: timespec] = [:]
    private var known = KnownFiles()

    /// Everything that changes from now on counts.
    public init(root: String) {
        self.root = root
        since = ChangedFiles.now()
    }

    /// Looks what is there, so that it is missed when it is gone.
    ///
    /// - Parameter milliseconds: how long it may take; what was not reached by then is not missed.
    public mutating func survey(milliseconds: UInt64) {
        guard !isTooLarge else { return }
        var walk = Walk(root: root, milliseconds: milliseconds)
        while let (path, directory, files) = walk.next() {
            // What is new already is told as such by the first look.
            known.put(
                path,
                files.filter { name in
                    status(name, in: directory).map { ChangedFiles.isBefore($0, since) || !isNew(name, in: directory) } ?? false
                })
        }
        settle(walk)
    }

    /// The changes since the last look, those near the root first.
    ///
    /// - Parameter milliseconds: how long it may take; what was not reached by then is not told.
    public mutating func look(milliseconds: UInt64) -> [Change] {
        guard !isTooLarge else { return [] }
        let start = ChangedFiles.now()
        var walk = Walk(root: root, milliseconds: milliseconds)
        var found: [Change] = []
        var times: [String: timespec] = [:]
        while found.count < ChangedFiles.mostChanges, let (path, directory, files) = walk.next() {
            let before = known.names(path)
            for name in files where found.count < ChangedFiles.mostChanges {
                let isKnown = before.contains(name)
                guard let time = status(name, in: directory) else { continue }
                let child = Walk.join(path, name)
                // What came with a directory that was moved here has old times.
                if ChangedFiles.isBefore(time, since), isKnown || !known.isWhole { continue }
                if let told = told[child], !ChangedFiles.isBefore(told, time) {
                    // Its time may lie ahead of the clock, and the next look would begin before it as well.
                    times[child] = told
                    continue
                }
                let isCreated = !isKnown && (known.isWhole || isNew(name, in: directory))
                found.append(Change(path: child, kind: isCreated ? .created : .changed))
                times[child] = time
            }
            guard walk.read.contains(path) else { continue }
            found += before.subtracting(files).sorted().map { Change(path: Walk.join(path, $0), kind: .removed) }
            known.put(path, files)
        }
        found += known.forget(missedBy: walk)
        settle(walk)
        since = start
        told = times
        return isTooLarge ? [] : Array(found.prefix(ChangedFiles.mostChanges))
    }

    private mutating func settle(_ walk: Walk) {
        known.isWhole = walk.isWhole
        guard walk.isCut, walk.hasBegun, !walk.isRepository else { return }
        isTooLarge = true
        known = KnownFiles()
    }

    /// When the status of a file has last changed.
    private func status(_ name: String, in directory: BeneathDirectory) -> timespec? { ((try? directory.status(name)) ?? nil)?.st_ctim }

    private func isNew(_ name: String, in directory: BeneathDirectory) -> Bool {
        var identity = coop_file_identity()
        guard name.withOSBytes({ coop_file_identity_at(directory.descriptor.number, $0, &identity) }) == 0 else { return false }
        return identity.born_seconds > Int64(since.tv_sec)
            || identity.born_seconds == Int64(since.tv_sec) && Int(identity.born_nanoseconds) >= since.tv_nsec
    }

    private static func isBefore(_ left: timespec, _ right: timespec) -> Bool {
        (left.tv_sec, left.tv_nsec) < (right.tv_sec, right.tv_nsec)
    }

    /// By the clock that files are stamped with (clock_gettime(2), CLOCK_REALTIME_COARSE).
    private static func now() -> timespec {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return time
    }
}

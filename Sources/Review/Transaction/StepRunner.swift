import Glibc
import LinuxKernel
import Workspaces

/// Makes the steps of a transaction in the tree, and takes them back.
final class StepRunner {
    private let tree: TransactionTree
    private let steps: [TreeStep]
    /// The directory of the last step that was made. Taking back goes by it, wherever it has been moved meanwhile.
    private var last: Holder?

    init(tree: TransactionTree, steps: [TreeStep]) {
        self.tree = tree
        self.steps = steps
    }

    /// Why a transaction cannot go on: the tree is not what it was.
    struct Conflict: Error {
        var path: String
        var reason: String
    }

    // MARK: - Forward

    /// - Parameter before: called before each step.
    /// - Throws: `Conflict` or `SystemError` at the first step that cannot be made; those before it are to be taken back.
    func run(before: (Int) throws -> Void) throws {
        for (index, step) in steps.enumerated() {
            try before(index)
            if step.action == .adjust {
                try tree.adjust(step.path, to: step.to, from: nil)
                continue
            }
            let parent = TransactionTree.parent(of: step.path)
            if let open = last, !open.path.utf8.elementsEqual(parent.utf8) {
                try stillThere(open)
                last = nil
            }
            let holder = try last ?? Holder(path: parent, directory: tree.root.open(parent, pathOnlyDirectory))
            last = holder
            try make(step, index, in: holder.directory)
        }
        if let last { try stillThere(last) }
    }

    private struct Holder {
        var path: String
        var directory: Descriptor
    }

    /// A directory that was moved away while it was open took what was put into it along.
    private func stillThere(_ holder: Holder) throws {
        let now = try tree.root.open(holder.path, pathOnlyDirectory)
        var one = stat()
        var other = stat()
        try check("fstat", holder.path) { fstat(now.number, &one) }
        try check("fstat", holder.path) { fstat(holder.directory.number, &other) }
        guard one.st_ino == other.st_ino, one.st_dev == other.st_dev else {
            throw Conflict(path: holder.path, reason: "another directory took its place")
        }
    }

    private func make(_ step: TreeStep, _ index: Int, in directory: Descriptor) throws {
        let name = FileSystem.lastComponent(of: step.path)
        if let staged = step.staged, try tree.slot(index) != staged {
            throw Conflict(path: step.path, reason: "what is to be put there has changed")
        }
        do {
            switch step.action {
            case .add: try tree.move(.intoTree, slot: index, directory, name, path: step.path)
            case .remove: try tree.move(.outOfTree, slot: index, directory, name, path: step.path)
            case .exchange: try tree.exchange(slot: index, directory, name, path: step.path)
            case .adjust: return
            }
        } catch {
            switch error.errno {
            case EEXIST: throw Conflict(path: step.path, reason: "something new is there")
            case ENOENT: throw Conflict(path: step.path, reason: "it is gone")
            case EXDEV: throw Conflict(path: step.path, reason: "it lies on another file system than the root of the tree")
            default: throw error
            }
        }
        if let before = step.before {
            guard let out = try tree.slot(index), out.isSameObject(as: before) else {
                throw Conflict(path: step.path, reason: "it was changed in this moment")
            }
            if before.kind == .directory, try !tree.isEmptyDirectory(slot: index) {
                throw Conflict(path: step.path, reason: "there is more in it than was looked at")
            }
        }
        if let staged = step.staged {
            guard let found = try TransactionTree.fingerprint(name, in: directory, path: step.path), found.isSameObject(as: staged) else {
                throw Conflict(path: step.path, reason: "something else took its place in this moment")
            }
        }
    }

    // MARK: - Back

    /// The directory that holds `path`, and the last name of it.
    private func holder(of path: String) throws(SystemError) -> (directory: Descriptor, name: String) {
        if let last, last.path.utf8.elementsEqual(TransactionTree.parent(of: path).utf8) {
            return (last.directory, FileSystem.lastComponent(of: path))
        }
        return try tree.holder(of: path)
    }

    /// What could not be put back as it was, because somebody else was there meanwhile.
    struct Leftover {
        var path: String
        var reason: String
        /// The slot that holds something which is in the tree no more.
        var slot: Int?
    }

    /// Takes back whatever of the steps was made. It looks at each for itself, so that it can begin anywhere, and again.
    func takeBack() -> [Leftover] {
        var leftovers: [Leftover] = []
        for index in steps.indices.reversed() {
            do {
                if let leftover = try takeBack(steps[index], index) { leftovers.append(leftover) }
            } catch {
                leftovers.append(Leftover(path: steps[index].path, reason: "\(error)", slot: index))
            }
        }
        return leftovers
    }

    private func takeBack(_ step: TreeStep, _ index: Int) throws(SystemError) -> Leftover? {
        if step.action == .adjust {
            do { try tree.adjust(step.path, to: step.from, from: step.to.mode) } catch {
                // It was never made, or is no directory any more.
                if error.errno != ENOENT && error.errno != ENOTDIR && error.errno != ELOOP { throw error }
            }
            return nil
        }
        let slot = try tree.slot(index)
        switch step.action {
        case .remove:
            guard slot != nil else { return nil }
            let (directory, name) = try holder(of: step.path)
            do { try tree.move(.intoTree, slot: index, directory, name, path: step.path) } catch {
                guard error.errno == EEXIST else { throw error }
                return Leftover(path: step.path, reason: "something new is there", slot: index)
            }
        case .add:
            guard slot == nil, let staged = step.staged else { return nil }
            let (directory, name) = try holder(of: step.path)
            guard let found = try TransactionTree.fingerprint(name, in: directory, path: step.path) else { return nil }
            guard found.isSameObject(as: staged) else {
                return Leftover(path: step.path, reason: "somebody else has changed it", slot: nil)
            }
            try tree.move(.outOfTree, slot: index, directory, name, path: step.path)
            if staged.kind == .directory, try !tree.isEmptyDirectory(slot: index) {
                try tree.move(.intoTree, slot: index, directory, name, path: step.path)
                return Leftover(path: step.path, reason: "there is something new in it", slot: nil)
            }
        case .exchange:
            guard let staged = step.staged, let slot, slot.inode != staged.inode || slot.device != staged.device else { return nil }
            let (directory, name) = try holder(of: step.path)
            guard let found = try TransactionTree.fingerprint(name, in: directory, path: step.path) else {
                try tree.move(.intoTree, slot: index, directory, name, path: step.path)
                return nil
            }
            try tree.exchange(slot: index, directory, name, path: step.path)
            if !found.isSameObject(as: staged) {
                return Leftover(path: step.path, reason: "somebody else had changed the new one", slot: index)
            }
            if staged.kind == .directory, try !tree.isEmptyDirectory(slot: index) {
                return Leftover(path: step.path, reason: "there was something new in it", slot: index)
            }
        case .adjust: break
        }
        return nil
    }

}

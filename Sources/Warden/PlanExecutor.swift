import CLinux
import Glibc
import LinuxKernel
import Netlink
import WardenProtocol

/// Runs a launch plan: one loop over its operations, each done completely or reported.
final class PlanExecutor {
    /// What has been run, or is being run.
    private(set) var plan: LaunchPlan
    /// Masks whose target does not exist on this kernel; there is nothing to hide.
    private(set) var skippedMasks: Set<String> = []
    /// Sockets made for the gateway, until they are handed out.
    private(set) var listeners: [(socket: ListeningSocket, descriptor: Descriptor)] = []
    /// Facts of the network that were compared with the plan.
    private(set) var networkChecks: UInt32 = 0
    private var isNetworkProven = false
    private var root: Descriptor?
    /// Mounts made outside that came with the plan.
    var given: [Descriptor] = []
    /// What was put in the place of something so far.
    private var covers = 0
    private var emptyFile: Descriptor?
    private var emptyDirectory: Descriptor?
    /// Mounts below the directory that may be cleared: what they show is somebody else's.
    private var mountedBelowClearable: [String] = []
    /// The directory that something was made in last: what follows is mostly made beside it.
    private var lastParent: (path: String, directory: Descriptor)?

    /// - Parameter plan: whose identities count; its operations are run by `run`.
    init(plan: LaunchPlan) {
        self.plan = plan
        self.plan.operations = []
    }

    /// Runs the operations of `next`, which follows what has been run before.
    func run(_ next: LaunchPlan) throws(SetupFailure) {
        guard next.workload == plan.workload, next.warden == plan.warden else {
            throw SetupFailure(step: "plan", subject: "", reason: "it is for other identities than its beginning")
        }
        plan.clearable = next.clearable
        plan.operations += next.operations
        for operation in next.operations {
            do {
                try execute(operation)
            } catch let error as SystemError {
                throw SetupFailure(step: operation.name, subject: operation.summary, error)
            } catch let error as SetupFailure {
                throw error
            } catch NetlinkError.refused(let subject, let number) {
                throw SetupFailure(step: operation.name, subject: subject, SystemError("netlink", errno: number))
            } catch NetlinkError.system(let error) {
                throw SetupFailure(step: operation.name, subject: error.subject, error)
            } catch {
                throw SetupFailure(step: operation.name, subject: operation.summary, reason: "\(error)")
            }
        }
    }

    /// Compares the network with what was planned so far, while there is the right to list its rules. Nobody inside but this process can
    /// change it until that right is dropped, and it does so by a planned operation only, after which it is compared again.
    func proveNetwork() throws {
        guard !isNetworkProven else { return }
        networkChecks += try GatewayNetwork.verify(plan)
        isNetworkProven = true
    }

    /// Closes what the set-up kept open.
    func release() {
        listeners = []
        root = nil
        emptyFile = nil
        emptyDirectory = nil
        lastParent = nil
    }

    private func execute(_ operation: PlanOperation) throws {
        switch operation {
        case .privateMounts:
            try check("mount", "/") { Glibc.mount(nil, "/", nil, UInt(1 << 14 | 1 << 18) /* MS_REC | MS_PRIVATE */, nil) }
        case .root(let bytes, let inodes):
            let tree = try newTmpfs(bytes: bytes, inodes: inodes, mode: 0o755, owner: .warden, restrictions: .files)
            // On top of "/": lookups that start at this process's root do not see it, so every source stays reachable.
            try check("move_mount", "/") {
                coop_move_mount(tree.number, "", AT_FDCWD, "/", UInt32(MOVE_MOUNT_F_EMPTY_PATH))
            }
            root = tree
        case .directory(let path, let mode, let owner):
            let made = try inside().directory(path)
            try reopen(made, path) { number in
                if owner == .workload { try check("chown", path) { fchown(number, plan.workload.user, plan.workload.group) } }
                try check("chmod", path) { fchmod(number, mode) }
            }
        case .file(let path, let contents, let mode):
            try write(contents, to: path, mode: mode)
        case .homeFile(let path, let contents):
            try inside().replace(path, with: contents)
        case .cover(let path, let files, let isDirectory):
            try cover(path, with: files, isDirectory: isDirectory)
        case .copy(let source, let path):
            let file = try hostPath(source, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
            try write(file.readAll(limit: PlanOperation.copyLimit, subject: source), to: path, mode: 0o644)
        case .compose(let path, let parts):
            try write(parts, to: path, mode: 0o644)
        case .symlink(let path, let destination):
            let parent = try parentDirectory(of: path)
            let name = FileSystem.lastComponent(of: path)
            try check("symlink", path) {
                destination.withOSBytes { to in name.withOSBytes { symlinkat(to, parent.number, $0) } }
            }
        case .bind(let source, let target, let restrictions, let recursive):
            let tree = try hostTree(source, recursive: recursive)
            try restrict(tree, restrictions, recursive: recursive, target)
            try attach(tree, to: isDirectory(tree) ? inside().directory(target) : inside().file(target), target)
        case .overlay(let lower, let upper, let work, let target, let restrictions, let isGiven):
            let tree =
                isGiven ? try takeMount(target) : try overlay(lower: lower, upper: upper, work: work, restrictions: restrictions)
            try attach(tree, to: inside().directory(target), target)
        case .pin(let path):
            let place = try inside().directory(path)
            // With what is mounted below it already, which would be hidden otherwise.
            try attach(clone(place, recursive: true, path), to: place, path)
        case .readOnly(let path):
            let place = try inside().open(path)
            let tree = try clone(place, recursive: true, path)
            try restrict(tree, .readOnly, recursive: true, path)
            try attach(tree, to: place, path)
        case .mask(let path):
            try mask(path)
        case .tmpfs(let target, let bytes, let inodes, let mode, let owner, let restrictions):
            let tree = try newTmpfs(bytes: bytes, inodes: inodes, mode: mode, owner: owner, restrictions: restrictions)
            try attach(tree, to: inside().directory(target), target)
        case .proc(let target):
            try mountNew("proc", options: [], restrictions: [.noSetuid, .noDevices, .noExecute], target)
        case .terminals(let target):
            let options = [("newinstance", nil), ("ptmxmode", "0666"), ("mode", "620")]
            try mountNew("devpts", options: options, restrictions: [.noSetuid, .noExecute], target)
        case .messageQueues(let target):
            try mountNew("mqueue", options: [], restrictions: [.noSetuid, .noDevices, .noExecute], target)
        case .enterRoot:
            try enterRoot()
        case .hostname(let name):
            try check("sethostname", name) { name.withOSBytes { sethostname($0, strlen($0)) } }
        case .loopback:
            try check("SIOCSIFFLAGS", "lo") { coop_loopback_up() }
        case .gatewayRoute, .listen, .gatewayRules:
            isNetworkProven = false
            try GatewayNetwork(operation).set { listeners.append($0) }
        case .kernelSetting(let path, let value):
            try inside().open(path, flags: O_WRONLY).writeAll(value.utf8, subject: path)
        case .resourceLimit(let resource, let name, let soft, let hard):
            try check("setrlimit", name) { coop_setrlimit(resource, soft, hard) }
        case .landlock(let handled, let scopes, let rules):
            try restrictFiles(handled: handled, scopes: scopes, rules: rules)
        case .dropPrivileges(let keep):
            try proveNetwork()
            try dropPrivileges(keep: keep)
        case .seccomp(let name, let program):
            let code = program.withUnsafeBytes { coop_seccomp_install($0.baseAddress, UInt16(program.count / 8)) }
            guard code == 0 else { throw SystemError("seccomp", name) }
        }
    }

    private func inside() throws(SystemError) -> InsidePath {
        guard let root else { throw SystemError("root", "", errno: ENOENT) }
        return InsidePath(
            root: root.number, workloadUser: plan.workload.user, workloadGroup: plan.workload.group, clearable: plan.clearable,
            mountedBelow: mountedBelowClearable)
    }

    private func parentDirectory(of path: String) throws(SystemError) -> Descriptor {
        let parent = FileSystem.parent(of: path)
        if let lastParent, lastParent.path == parent { return lastParent.directory }
        let directory = try inside().directory(parent)
        lastParent = (parent, directory)
        return directory
    }

    /// Runs `body` with an ordinary descriptor for what is open O_PATH.
    private func reopen(_ place: Descriptor, _ path: String, _ body: (Int32) throws -> Void) throws {
        let opened = try check("open", path) { openat(place.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        let owner = Descriptor(owning: opened)
        try body(owner.number)
    }

    private func write(_ contents: [UInt8], to path: String, mode: UInt32) throws(SystemError) {
        try write([.bytes(contents)], to: path, mode: mode)
    }

    private func write(_ parts: [FilePart], to path: String, mode: UInt32) throws(SystemError) {
        let parent = try parentDirectory(of: path)
        let name = FileSystem.lastComponent(of: path)
        let number = try check("create", path) {
            name.withOSBytes { openat(parent.number, $0, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, mode) }
        }
        let file = Descriptor(owning: number)
        for part in parts {
            switch part {
            case .bytes(let bytes): try file.writeAll(bytes, subject: path)
            case .range(let source, let offset, let count): try copy(count, of: source, from: offset, to: file)
            }
        }
        try check("chmod", path) { fchmod(file.number, mode) }
    }

    /// Fails where the host's file is shorter than it was when the plan was made.
    private func copy(_ count: UInt64, of source: String, from offset: UInt64, to file: Descriptor) throws(SystemError) {
        let host = try hostPath(source, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        var place = Int64(clamping: offset)
        var left = Int(clamping: count)
        while left > 0 {
            let copied = coop_sendfile(file.number, host.number, &place, left)
            if copied < 0, errno == EINTR { continue }
            guard copied > 0 else { throw SystemError("sendfile", source, errno: copied == 0 ? ESTALE : errno) }
            left -= copied
        }
    }

    // MARK: - Mounts

    /// A detached copy of a host path, opened with the rights of the command's user: what that user cannot reach on the
    /// host does not appear inside. The planner resolved links; one that has appeared since is refused.
    private func hostTree(_ source: String, recursive: Bool) throws -> Descriptor {
        try clone(hostPath(source, flags: Int32(COOP_O_PATH)), recursive: recursive, source)
    }

    func hostPath(_ source: String, flags: Int32) throws(SystemError) -> Descriptor {
        beWorkload()
        defer { beWarden() }
        let all = UInt64(flags | O_CLOEXEC | O_NOFOLLOW)
        let number = source.withOSBytes { coop_openat2(AT_FDCWD, $0, all, 0, UInt64(RESOLVE_NO_SYMLINKS)) }
        guard number >= 0 else { throw SystemError("open", source) }
        return Descriptor(owning: number)
    }

    private func clone(_ place: Descriptor, recursive: Bool, _ path: String) throws(SystemError) -> Descriptor {
        let flags = UInt32(OPEN_TREE_CLONE) | UInt32(O_CLOEXEC) | UInt32(COOP_AT_EMPTY_PATH) | (recursive ? UInt32(AT_RECURSIVE) : 0)
        return Descriptor(owning: try check("open_tree", path) { coop_open_tree(place.number, "", flags) })
    }

    private func restrict(_ tree: Descriptor, _ restrictions: MountRestrictions, recursive: Bool, _ path: String) throws(SystemError) {
        guard !restrictions.isEmpty else { return }
        let flags: UInt32 = UInt32(COOP_AT_EMPTY_PATH) | (recursive ? UInt32(AT_RECURSIVE) : 0)
        try check("mount_setattr", path) { coop_mount_setattr(tree.number, "", flags, restrictions.attributes, 0) }
    }

    private func attach(_ tree: Descriptor, to place: Descriptor, _ path: String) throws(SystemError) {
        // A path to it now leads into what is mounted here.
        if let parent = lastParent, FileSystem.contains(path, parent.path) { lastParent = nil }
        if !plan.clearable.isEmpty, path != plan.clearable, FileSystem.contains(plan.clearable, path) {
            mountedBelowClearable.append(path)
        }
        try check("move_mount", path) {
            coop_move_mount(
                tree.number, "", place.number, "", UInt32(MOVE_MOUNT_F_EMPTY_PATH) | UInt32(MOVE_MOUNT_T_EMPTY_PATH))
        }
    }

    private func isDirectory(_ tree: Descriptor) throws(SystemError) -> Bool {
        var found = stat()
        guard fstat(tree.number, &found) == 0 else { throw SystemError("fstat") }
        return FileKind(mode: found.st_mode) == .directory
    }

    private func newTmpfs(
        bytes: UInt64, inodes: UInt64, mode: UInt32, owner: Owner, restrictions: MountRestrictions
    ) throws -> Descriptor {
        let identity = owner == .workload ? plan.workload : plan.warden
        let options: [(String, String?)] = [
            ("size", String(bytes)), ("nr_inodes", String(inodes)), ("mode", String(mode, radix: 8)),
            ("uid", String(identity.user)), ("gid", String(identity.group)),
        ]
        return try newFileSystem("tmpfs", options: options, restrictions: restrictions)
    }

    private func mountNew(_ type: String, options: [(String, String?)], restrictions: MountRestrictions, _ target: String) throws {
        let tree = try newFileSystem(type, options: options, restrictions: restrictions)
        try attach(tree, to: inside().directory(target), target)
    }

    func newFileSystem(
        _ type: String, options: [(String, String?)], restrictions: MountRestrictions
    ) throws(SystemError) -> Descriptor {
        let context = Descriptor(owning: try check("fsopen", type) { coop_fsopen(type) })
        for (key, value) in options {
            try check("fsconfig", "\(type) \(key)") {
                value.map { coop_fsconfig_string(context.number, key, $0) } ?? coop_fsconfig_flag(context.number, key)
            }
        }
        try check("fsconfig", type) { coop_fsconfig_create(context.number) }
        return Descriptor(owning: try check("fsmount", type) { coop_fsmount(context.number, UInt32(restrictions.attributes)) })
    }

    private func cover(_ path: String, with files: [CoverFile], isDirectory: Bool) throws {
        covers += 1
        let directory = "/run/coop/covers/\(covers)"
        for file in files {
            guard !file.name.isEmpty, !file.name.contains("/"), file.name != "..", file.name != "." else {
                throw SystemError("create", path, errno: EINVAL)
            }
            try write(file.parts, to: FileSystem.join(directory, file.name), mode: 0o644)
        }
        let shown: Descriptor
        if isDirectory {
            shown = try inside().directory(directory)
        } else {
            guard files.count == 1 else { throw SystemError("create", path, errno: EINVAL) }
            shown = try inside().open(FileSystem.join(directory, files[0].name))
        }
        let tree = try clone(shown, recursive: false, path)
        try restrict(tree, .cover, recursive: false, path)
        try attach(tree, to: isDirectory ? inside().directory(path) : inside().file(path), path)
    }

    private func mask(_ path: String) throws {
        guard let place = try inside().openIfPresent(path) else {
            skippedMasks.insert(path)
            return
        }
        let empty: Descriptor
        if try isDirectory(place) {
            if emptyDirectory == nil { emptyDirectory = try inside().directory("/run/coop/empty.d") }
            guard let made = emptyDirectory else { throw SystemError("mask", path, errno: ENOENT) }
            empty = made
        } else {
            if emptyFile == nil { emptyFile = try inside().file("/run/coop/empty") }
            guard let made = emptyFile else { throw SystemError("mask", path, errno: ENOENT) }
            empty = made
        }
        let tree = try clone(empty, recursive: false, path)
        try restrict(tree, .cover, recursive: false, path)
        try attach(tree, to: place, path)
    }

    private func enterRoot() throws {
        guard let root else { throw SystemError("pivot_root", "", errno: ENOENT) }
        try check("mount_setattr", "/") {
            coop_mount_setattr(root.number, "", UInt32(COOP_AT_EMPTY_PATH), MountRestrictions.readOnly.attributes, 0)
        }
        try check("fchdir", "/") { fchdir(root.number) }
        // Both arguments the same: the old root lies on top of the new one until it is detached (pivot_root(2), NOTES).
        try check("pivot_root", "/") { coop_pivot_root(".", ".") }
        try check("umount2", "/") { umount2(".", Int32(MNT_DETACH)) }
        try check("chdir", "/") { chdir("/") }
    }

    // MARK: - Privileges

    private func restrictFiles(handled: UInt64, scopes: UInt64, rules: [LandlockRule]) throws {
        var attributes = coop_landlock_ruleset(handled_access_fs: handled, handled_access_net: 0, scoped: scopes)
        // An older kernel accepts only the fields it knows.
        let size = scopes == 0 ? MemoryLayout<UInt64>.size : MemoryLayout<coop_landlock_ruleset>.size
        let ruleset = Descriptor(owning: try check("landlock_create_ruleset") { coop_landlock_create(&attributes, size) })
        for rule in rules {
            let place = try inside().open(rule.path)
            try check("landlock_add_rule", rule.path) { coop_landlock_add_path(ruleset.number, rule.access, place.number) }
        }
        try check("landlock_restrict_self") { coop_landlock_restrict(ruleset.number) }
        // A process under Landlock can no longer mount, whatever its capabilities: proof that the rules are in force.
        guard Glibc.mount("none", "/", "tmpfs", 0, nil) != 0, errno == EPERM else {
            throw SetupFailure(step: "landlock", subject: "", reason: "the kernel accepted the rules but does not enforce them")
        }
    }

    private func dropPrivileges(keep: UInt64) throws(SystemError) {
        // Keys of the user's session must not be possessed inside. Kernels without keyrings have none to leak.
        if coop_new_session_keyring() < 0, errno != ENOSYS { throw SystemError("keyctl", "new session keyring") }
        for capability in 0..<64 {
            if coop_prctl(PR_CAPBSET_DROP, UInt(capability), 0, 0, 0) != 0 {
                // Beyond the last capability this kernel knows.
                if errno == EINVAL { break }
                throw SystemError("prctl", "bounding set")
            }
        }
        try check("prctl", "ambient set") { coop_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0) }
        try check("capset") { coop_capset(keep, keep, 0) }
        try check("prctl", "no_new_privs") { coop_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }
    }
}

extension MountRestrictions {
    /// The MOUNT_ATTR_* mask of mount_setattr(2).
    fileprivate var attributes: UInt64 {
        var result: UInt64 = 0
        if contains(.readOnly) { result |= UInt64(MOUNT_ATTR_RDONLY) }
        if contains(.noSetuid) { result |= UInt64(MOUNT_ATTR_NOSUID) }
        if contains(.noDevices) { result |= UInt64(MOUNT_ATTR_NODEV) }
        if contains(.noExecute) { result |= UInt64(MOUNT_ATTR_NOEXEC) }
        return result
    }
}

import Glibc
import LinuxKernel
import Sandbox

/// Where on this host a cgroup for a sandbox can be made, per controller: a plain value, so that hosts can be simulated.
public struct CgroupHost: Codable, Sendable, Equatable {
    public enum Controller: String, Codable, Sendable, CaseIterable {
        case memory, cpu, pids
    }

    /// A way to have a controller.
    public enum Place: Codable, Sendable, Equatable {
        /// A directory of the unified hierarchy (cgroups(7), version 2) in which this user may make children.
        case unified(String)
        /// A directory of the controller's own hierarchy (version 1).
        case separate(String)
        /// The user's systemd makes a scope on request.
        case systemd
    }

    public var places: [Controller: Place]

    public init(places: [Controller: Place]) { self.places = places }

    /// Looks for writable cgroups. Called only when a limit needs one.
    public static func probe(user: UInt32 = getuid()) throws(SystemError) -> CgroupHost {
        choose(
            mounts: try MountInfo.read(), membership: String(osBytes: try FileSystem.read("/proc/self/cgroup")),
            systemd: SystemdScope.controllers(user: user))
    }

    /// Decides from what was read, so that hosts can be simulated; only whether a directory is writable is looked up.
    ///
    /// - Parameters:
    ///   - membership: the text of /proc/self/cgroup.
    ///   - systemd: the controllers that the user's systemd could give.
    static func choose(mounts: [MountInfo], membership: String, systemd: [Controller]) -> CgroupHost {
        var places: [Controller: Place] = [:]
        let own = membership.split(separator: "\n").compactMap(Membership.init)

        // systemd first: below it every directory is one that systemd writes, and a process is in one directory only, so
        // that all limits must be in the same place.
        for controller in systemd { places[controller] = .systemd }
        if places.isEmpty, let unified = own.first(where: { $0.controllers.isEmpty }),
            let mount = mounts.last(where: { $0.type == "cgroup2" })
        {
            let reachable = unifiedPlace(mount: mount, path: unified.path)
            for controller in reachable.controllers { places[controller] = .unified(reachable.directory) }
        }
        for controller in Controller.allCases where places[controller] == nil {
            guard let membership = own.first(where: { $0.controllers.contains(controller.rawValue) }),
                let mount = mounts.last(where: {
                    $0.type == "cgroup" && $0.superOptions.split(separator: ",").contains(Substring(controller.rawValue))
                })
            else { continue }
            let directory = directory(mount: mount, path: membership.path)
            if isWritable(directory) { places[controller] = .separate(directory) }
        }
        return CgroupHost(places: places)
    }

    /// How limits that nobody has asked for yet would be enforced, for `coop doctor`.
    public var prospects: [LayerReport] {
        [
            places[.memory] != nil
                ? LayerReport(.memory, .enforced, "by cgroup, where --memory asks for a limit")
                : LayerReport(.memory, .weaker, "for each process, by RLIMIT_DATA, where --memory asks for a limit"),
            places[.cpu] != nil
                ? LayerReport(.cpu, .enforced, "by cgroup, where --cpus asks for a limit")
                : LayerReport(.cpu, .missing, "no cgroup can be made, so --cpus is refused"),
        ]
    }

    /// One line of /proc/self/cgroup.
    private struct Membership {
        var controllers: [String]
        var path: String

        init?(line: Substring) {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            controllers = fields[1].split(separator: ",").map(String.init)
            path = String(fields[2])
        }
    }

    private static func directory(mount: MountInfo, path: String) -> String {
        // A mount of a part of the hierarchy shows paths below its root.
        let below = mount.root != "/" && path.hasPrefix(mount.root) ? String(path.dropFirst(mount.root.utf8.count)) : path
        return FileSystem.normalize(mount.mountPoint + "/" + below)
    }

    /// The nearest directory, from the own one upward, whose children have controllers and that this user may write to.
    private static func unifiedPlace(mount: MountInfo, path: String) -> (directory: String, controllers: [Controller]) {
        var current = directory(mount: mount, path: path)
        while FileSystem.contains(mount.mountPoint, current) {
            if isWritable(current), let enabled = try? FileSystem.read(current + "/cgroup.subtree_control") {
                let names = String(decoding: enabled, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
                let controllers = Controller.allCases.filter { names.contains($0.rawValue) }
                if !controllers.isEmpty { return (current, controllers) }
            }
            guard current != mount.mountPoint else { break }
            current = FileSystem.parent(of: current)
        }
        return ("", [])
    }

    private static func isWritable(_ directory: String) -> Bool {
        directory.withOSBytes { access($0, W_OK | X_OK) } == 0
            && (directory + "/cgroup.procs").withOSBytes { access($0, W_OK) } == 0
    }
}

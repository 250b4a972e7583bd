import LinuxKernel
import WardenProtocol

extension LaunchPlanner {
    /// What every plan on this host begins with, whatever the spec: the warden does it while coop is still reading the
    /// command line and the configuration.
    static func beginning(facts: HostFacts) -> LaunchPlan {
        var operations: [PlanOperation] = [.privateMounts, .root(bytes: 16 << 20, inodes: 16384)]
        operations += system(facts)
        operations += [
            .directory(path: "/run", mode: 0o755, owner: .warden),
            .directory(path: "/run/lock", mode: 0o755, owner: .warden),
            .directory(path: "/run/coop", mode: 0o755, owner: .warden),
            .directory(path: "/var", mode: 0o755, owner: .warden),
            .symlink(path: "/var/tmp", destination: "/tmp"),
            .symlink(path: "/var/run", destination: "/run"),
        ]
        operations += devices(facts)
        operations.append(.proc(target: "/proc"))
        operations += facts.hiddenProc.map { .mask(path: $0) }
        operations.append(.loopback)
        return LaunchPlan(
            workload: Identity(user: facts.user, group: facts.group), warden: facts.users.wardenIdentity, operations: operations)
    }

    private static func system(_ facts: HostFacts) -> [PlanOperation] {
        let restrictions: MountRestrictions = [.readOnly, .noSetuid, .noDevices]
        var result: [PlanOperation] = facts.systemPaths.map { entry in
            if let link = entry.link { return .symlink(path: entry.path, destination: link) }
            return .bind(source: entry.path, target: entry.path, restrictions: restrictions, recursive: true)
        }
        result.append(.directory(path: "/etc", mode: 0o755, owner: .warden))
        result += facts.configurationPaths.map { entry in
            // What a link leads to is there anyway: /etc/localtime in /usr/share/zoneinfo.
            if entry.source != entry.path,
                facts.systemPaths.contains(where: { $0.link == nil && FileSystem.contains($0.path, entry.source) })
            {
                return .symlink(path: entry.path, destination: entry.source)
            }
            if entry.isSmall { return .copy(source: entry.source, path: entry.path) }
            return .bind(source: entry.source, target: entry.path, restrictions: restrictions, recursive: false)
        }
        result.append(.symlink(path: "/etc/mtab", destination: "/proc/self/mounts"))
        return result
    }

    private static func devices(_ facts: HostFacts) -> [PlanOperation] {
        var result: [PlanOperation] = [.directory(path: "/dev", mode: 0o755, owner: .warden)]
        for name in facts.devices {
            // The only mounts that may hold device nodes.
            result.append(.bind(source: "/dev/" + name, target: "/dev/" + name, restrictions: [.noSetuid], recursive: false))
        }
        result += [
            .terminals(target: "/dev/pts"),
            .messageQueues(target: "/dev/mqueue"),
            .symlink(path: "/dev/ptmx", destination: "pts/ptmx"),
            .symlink(path: "/dev/fd", destination: "/proc/self/fd"),
            .symlink(path: "/dev/stdin", destination: "/proc/self/fd/0"),
            .symlink(path: "/dev/stdout", destination: "/proc/self/fd/1"),
            .symlink(path: "/dev/stderr", destination: "/proc/self/fd/2"),
        ]
        return result
    }
}

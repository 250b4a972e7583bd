import CoopErrors
import Glibc
import LinuxKernel

/// The cgroups of one sandbox: one directory in the unified hierarchy, or one per controller in version 1.
public final class Cgroup {
    /// A limit and the file it is written to.
    struct Setting {
        var file: String
        var value: String
        /// Whether the kernel may lack the file (swap accounting can be off).
        var isOptional = false
    }

    private let name: String
    private let settings: CgroupSettings
    /// Directories that exist and must be removed.
    private(set) var directories: [String] = []

    /// Makes the directories and writes the limits, before the sandbox exists.
    init(name: String, settings: CgroupSettings) throws(CoopError) {
        self.name = name
        self.settings = settings
        do {
            for (directory, values) in settings.directories {
                let path = FileSystem.join(directory, name)
                guard path.withOSBytes({ mkdir($0, 0o755) }) == 0 else { throw SystemError("mkdir", path) }
                directories.append(path)
                try Cgroup.write(values, in: path)
            }
        } catch {
            try? remove()
            throw CoopError(.failed, "cannot make a cgroup", "\(error)", next: "coop doctor")
        }
    }

    /// The paths that will exist, for the journal that outlives a `kill -9`.
    static func paths(name: String, settings: CgroupSettings) -> [String] {
        settings.directories.map { FileSystem.join($0.directory, name) }
    }

    /// Puts a process into the cgroups.
    func add(_ pid: Int32) throws(CoopError) {
        do {
            for directory in directories { try Cgroup.write([Setting(file: "cgroup.procs", value: String(pid))], in: directory) }
            if settings.systemd != nil {
                let scope = try SystemdScope.create(name: name, pid: pid, limits: settings.systemd ?? .init(), timeoutMilliseconds: 5000)
                // systemd removes the directory itself, when it is empty. Removed by anybody else, the unit would stay for ever,
                // and come back as a directory at the next daemon-reload.
                //
                // The one file of these that systemd leaves to whom it delegated to (/sys/kernel/cgroup/delegate).
                if settings.systemd?.memory != nil {
                    try Cgroup.write([Setting(file: "memory.oom.group", value: "1", isOptional: true)], in: scope)
                }
            }
        } catch let error as SystemError {
            throw CoopError(.failed, "cannot put the sandbox into its cgroup", error.description, next: "coop doctor")
        } catch let error as CoopError {
            throw error
        } catch {
            throw CoopError(.failed, "cannot put the sandbox into its cgroup", "\(error)", next: "coop doctor")
        }
    }

    /// Removes the directories. The last process may still be on its way out; the kernel says busy until it is gone.
    func remove() throws(SystemError) {
        while let directory = directories.last {
            try Cgroup.remove(directory)
            directories.removeLast()
        }
    }

    static func remove(_ directory: String) throws(SystemError) {
        for attempt in 0... {
            if directory.withOSBytes({ rmdir($0) }) == 0 || errno == ENOENT { return }
            guard errno == EBUSY, attempt < 100 else { throw SystemError("rmdir", directory) }
            var pause = timespec(tv_sec: 0, tv_nsec: 5_000_000)
            nanosleep(&pause, nil)
        }
    }

    private static func write(_ values: [Setting], in directory: String) throws(SystemError) {
        for setting in values {
            let path = FileSystem.join(directory, setting.file)
            if setting.isOptional, FileSystem.kind(path) == nil { continue }
            try Descriptor.open(path, O_WRONLY).writeAll(setting.value.utf8, subject: path)
        }
    }
}

/// What is written where for a set of limits.
public struct CgroupSettings {
    /// Parent directories and the settings of the child made in each.
    var directories: [(directory: String, values: [Cgroup.Setting])] = []
    /// Settings of a scope that systemd makes.
    var systemd: SystemdScope.Limits?

    var isEmpty: Bool { directories.isEmpty && systemd == nil }

    mutating func add(_ controller: CgroupHost.Controller, at place: CgroupHost.Place, _ amount: Amount) {
        switch place {
        case .unified(let directory): add(amount.unified, to: directory)
        case .separate(let directory): add(amount.separate, to: directory)
        case .systemd:
            var limits = systemd ?? SystemdScope.Limits()
            switch amount {
            case .memory(let bytes): (limits.memory, limits.swap) = (bytes, 0)
            case .cpus(let count): limits.cpus = count
            // The warden is one of them.
            case .processes(let count): limits.tasks = count + 1
            }
            systemd = limits
        }
    }

    private mutating func add(_ values: [Cgroup.Setting], to directory: String) {
        if let index = directories.firstIndex(where: { $0.directory == directory }) {
            directories[index].values += values
        } else {
            directories.append((directory, values))
        }
    }

    /// A limit in the words of either version of cgroups(7).
    enum Amount {
        case memory(UInt64)
        case cpus(Double)
        case processes(UInt64)

        var unified: [Cgroup.Setting] {
            switch self {
            case .memory(let bytes):
                [
                    .init(file: "memory.max", value: String(bytes)), .init(file: "memory.swap.max", value: "0", isOptional: true),
                    .init(file: "memory.oom.group", value: "1", isOptional: true),
                ]
            case .cpus(let count): [.init(file: "cpu.max", value: "\(max(1000, Int(count * 100_000))) 100000")]
            // The warden is one of them.
            case .processes(let count): [.init(file: "pids.max", value: String(count + 1))]
            }
        }

        var separate: [Cgroup.Setting] {
            switch self {
            case .memory(let bytes):
                [
                    .init(file: "memory.limit_in_bytes", value: String(bytes)),
                    .init(file: "memory.memsw.limit_in_bytes", value: String(bytes), isOptional: true),
                ]
            case .cpus(let count):
                [
                    .init(file: "cpu.cfs_period_us", value: "100000"),
                    .init(file: "cpu.cfs_quota_us", value: String(max(1000, Int(count * 100_000)))),
                ]
            case .processes(let count): [.init(file: "pids.max", value: String(count + 1))]
            }
        }
    }
}

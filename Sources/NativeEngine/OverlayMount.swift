import CLinux
import Glibc
import LinuxKernel
import WardenProtocol

/// An overlay that root mounts outside of the sandbox: the kernel lets directories of the tree below be renamed in it (`redirect_dir`), which
/// takes attributes that only the host's root may set (the kernel's filesystems/overlayfs.rst).
public enum OverlayMount {
    /// The mount, attached nowhere; nil where this process may not make it, or the kernel does not know how.
    public static func make(lower: String, upper: String, work: String) -> Descriptor? {
        guard getuid() == 0 else { return nil }
        let flags = UInt64(UInt32(bitPattern: Int32(COOP_O_PATH) | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW))
        var layers: [Descriptor] = []
        for path in [lower, upper, work] {
            let number = path.withOSBytes { coop_openat2(AT_FDCWD, $0, flags, 0, UInt64(RESOLVE_NO_SYMLINKS)) }
            guard number >= 0 else { return nil }
            layers.append(Descriptor(owning: number))
        }
        let opened = coop_fsopen("overlay")
        guard opened >= 0 else { return nil }
        let context = Descriptor(owning: opened)
        // Named by descriptors: a path may hold what separates options.
        let names = layers.map { "/proc/self/fd/\($0.number)" }
        let options = [
            ("lowerdir", names[0]), ("upperdir", names[1]), ("workdir", names[2]), ("redirect_dir", "on"), ("index", "off"),
            ("metacopy", "off"),
        ]
        for (key, value) in options { guard coop_fsconfig_string(context.number, key, value) == 0 else { return nil } }
        guard coop_fsconfig_create(context.number) == 0 else { return nil }
        let restrictions = UInt32(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
        let mount = coop_fsmount(context.number, restrictions)
        return withExtendedLifetime(layers) { mount >= 0 ? Descriptor(owning: mount) : nil }
    }
}

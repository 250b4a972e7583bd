/// What of the host's system appears inside with `rootfs = "host"`. Lists, so that they can be reviewed line by line:
/// whatever is not here does not exist inside. Nothing of /var, /run, /home, /root, /srv, /mnt, /media, /boot, /sys.
enum HostRoot {
    /// Directories of programs and libraries, and the links that lead into them.
    static let systemDirectories = [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/gnu",
    ]

    /// Entries of /etc without secrets: what libraries and tools read to work at all.
    static let configuration = [
        "alternatives", "bash.bashrc", "bash_completion", "bash_completion.d", "ca-certificates", "ca-certificates.conf",
        "crypto-policies", "debian_version", "dotnet", "fonts", "gai.conf", "gnutls", "inputrc", "java", "java-11-openjdk",
        "java-17-openjdk", "java-21-openjdk", "java-25-openjdk", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "lsb-release",
        "localtime", "magic", "magic.mime", "mailcap", "man_db.conf", "manpath.config", "maven", "mime.types", "nanorc",
        "openmpi", "os-release", "perl", "php", "pki/ca-trust", "pki/tls/certs", "pki/tls/openssl.cnf", "profile", "profile.d",
        "protocols", "python", "python3", "python3.11", "python3.12", "python3.13", "python3.14", "R", "redhat-release", "rpc",
        "services", "shells", "ssl/certs", "ssl/openssl.cnf", "system-release", "terminfo", "timezone", "tmux.conf", "vim",
        "wgetrc", "X11/rgb.txt", "xdg", "zsh",
    ]

    /// Character devices without access to hardware.
    static let devices = ["null", "zero", "full", "random", "urandom", "tty"]

    /// Parts of /proc that change the kernel; read-only inside.
    static let readOnlyProc = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"]

    /// Parts of /proc that tell about the whole machine or its secrets; empty inside.
    static let maskedProc = [
        "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats",
        "/proc/acpi", "/proc/scsi", "/proc/asound", "/proc/kallsyms", "/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup",
        "/proc/vmallocinfo", "/proc/interrupts", "/proc/driver", "/proc/config.gz",
    ]
}

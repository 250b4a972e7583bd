import CLinux
import Glibc
import LinuxKernel
import Sandbox

/// Tells when one of a few files may have changed, by watching the directories that they lie in (inotify(7)): editors write another file and
/// rename it, and a file may not exist yet.
final class ConfigurationWatch {
    /// Milliseconds between two looks: whoever writes a file over and over must not keep the supervisor from its work.
    private static let pause: UInt64 = 200

    private let loop: EventLoop
    private let changed: () -> Void
    private let descriptor: Descriptor
    /// The names that are looked for, by the watch of their directory.
    private var names: [Int32: Set<String>] = [:]
    private var lastLook: UInt64 = 0
    private var isDue = false

    /// - Parameters:
    ///   - files: their paths. Of a link, what it leads to is watched as well. A directory that does not exist is left out.
    ///   - changed: called on the loop.
    init(_ files: [String], loop: EventLoop, changed: @escaping () -> Void) throws(SystemError) {
        self.loop = loop
        self.changed = changed
        descriptor = Descriptor(
            owning: try check("inotify_init1") { inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC)) })
        for file in files {
            add(file)
            if FileSystem.kind(file, followLinks: false) == .symlink, let target = FileSystem.realPath(file) { add(target) }
        }
        loop.watch(descriptor.number) { [unowned self] _ in self.read() }
    }

    func stop() { loop.unwatch(descriptor.number) }

    private func add(_ file: String) {
        let events = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR)
        let number = FileSystem.parent(of: file).withOSBytes { inotify_add_watch(descriptor.number, $0, events) }
        if number >= 0 { names[number, default: []].insert(FileSystem.lastComponent(of: file)) }
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var isNews = false
        while true {
            let count = Glibc.read(descriptor.number, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            isNews = isNews || concerns(buffer[0..<count])
        }
        if isNews { schedule() }
    }

    /// struct inotify_event: watch, mask, cookie, length of the name, and the name with zeros after it.
    private func concerns(_ bytes: ArraySlice<UInt8>) -> Bool {
        func number(_ offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) } }
        var start = bytes.startIndex
        while bytes.endIndex - start >= 16 {
            let (watch, mask, length) = (Int32(bitPattern: number(start)), number(start + 4), Int(number(start + 12)))
            // Events were lost: it may have been any.
            if mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
            let end = start + 16 + length
            guard end <= bytes.endIndex else { return true }
            let name = String(osBytes: bytes[start + 16..<end].prefix { $0 != 0 })
            if names[watch]?.contains(name) == true { return true }
            start = end
        }
        return false
    }

    private func schedule() {
        guard !isDue else { return }
        isDue = true
        let now = EventLoop.now()
        let due = lastLook + ConfigurationWatch.pause
        loop.after(milliseconds: due > now ? due - now : 0) { [unowned self] in
            self.isDue = false
            self.lastLook = EventLoop.now()
            self.changed()
        }
    }
}

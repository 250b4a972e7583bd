import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Policy
import Sandbox

/// Looks up the addresses of names as the host's own programs do.
///
/// getent(1) asks the C library with everything that /etc/nsswitch.conf names (hosts file, DNS, mDNS, a directory service), which a static
/// program cannot load, and keeps whatever it parses out of this process.
final class NameResolver {
    enum Failure: Error {
        /// The name does not exist.
        case unknown
        /// No answer in time, or no getent.
        case unavailable
    }

    typealias Answer = Result<[IPAddress], Failure>

    private struct Lookup {
        var pid: pid_t
        var output: Descriptor
        var text: [UInt8] = []
        var timer = 0
        var waiting: [(Answer) -> Void]
    }

    private let loop: EventLoop
    private var lookups: [HostName: Lookup] = [:]
    private var known: [HostName: (answer: Answer, until: UInt64)] = [:]

    /// Milliseconds for which an answer is believed, and a failure.
    private static let lifetime: (answer: UInt64, failure: UInt64) = (30_000, 2_000)
    /// Milliseconds for one lookup.
    private static let patience: UInt64 = 10_000
    /// The most names that are remembered.
    private static let capacity = 4096
    /// The most bytes of an answer: some hundred addresses.
    private static let answerLimit = 64 << 10

    init(loop: EventLoop) { self.loop = loop }

    /// Calls `body` with the addresses of `name`, at once where they are known.
    func resolve(_ name: HostName, _ body: @escaping (Answer) -> Void) {
        if let found = known[name], found.until > EventLoop.now() { return body(found.answer) }
        if lookups[name] != nil {
            lookups[name]?.waiting.append(body)
            return
        }
        guard var lookup = start(name) else { return body(.failure(.unavailable)) }
        lookup.waiting.append(body)
        lookup.timer = loop.after(milliseconds: NameResolver.patience) { [unowned self] in self.finish(name, timedOut: true) }
        let number = lookup.output.number
        lookups[name] = lookup
        loop.watch(number) { [unowned self] _ in self.read(name) }
    }

    /// Ends what is still being looked up.
    func stop() {
        for name in Array(lookups.keys) { finish(name, timedOut: true) }
    }

    private func start(_ name: HostName) -> Lookup? {
        var ends: [Int32] = [-1, -1]
        guard coop_pipe(&ends) == 0 else { return nil }
        let (reader, writer) = (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, writer.number, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        clinux_spawn_close_from(&actions, 3)
        // A checked name begins with a letter, a digit or an underscore, and is no option.
        var argv = ["getent", "ahosts", name.text].map { word in word.withOSBytes { strdup($0) } } as [UnsafeMutablePointer<CChar>?]
        argv.append(nil)
        defer { for pointer in argv { free(pointer) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("LC_ALL=C"), nil]
        defer { free(environment[0]) }
        var pid: pid_t = 0
        for program in ["/usr/bin/getent", "/bin/getent"] where posix_spawn(&pid, program, &actions, nil, argv, &environment) == 0 {
            withExtendedLifetime(writer) {}
            return Lookup(pid: pid, output: reader, waiting: [])
        }
        return nil
    }

    private func read(_ name: HostName) {
        guard var lookup = lookups[name] else { return }
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(lookup.output.number, &chunk, chunk.count)
        if count < 0, errno == EINTR { return }
        guard count > 0, lookup.text.count < NameResolver.answerLimit else { return finish(name, timedOut: false) }
        lookup.text += chunk[..<count]
        lookups[name] = lookup
    }

    private func finish(_ name: HostName, timedOut: Bool) {
        guard let lookup = lookups.removeValue(forKey: name) else { return }
        loop.unwatch(lookup.output.number)
        loop.cancel(timer: lookup.timer)
        if timedOut { kill(lookup.pid, SIGKILL) }
        var status: Int32 = 0
        while waitpid(lookup.pid, &status, 0) < 0 && errno == EINTR {}
        let answer: Answer
        if timedOut {
            answer = .failure(.unavailable)
        } else if coop_wifexited(status) != 0, coop_wexitstatus(status) == 0 {
            let addresses = NameResolver.addresses(in: lookup.text)
            answer = addresses.isEmpty ? .failure(.unknown) : .success(addresses)
        } else {
            // 2: not found (getent(1)). The resolver being away looks the same to it.
            answer = .failure(coop_wifexited(status) != 0 && coop_wexitstatus(status) == 2 ? .unknown : .unavailable)
        }
        if known.count >= NameResolver.capacity { known.removeAll() }
        var lifetime = NameResolver.lifetime.failure
        if case .success = answer { lifetime = NameResolver.lifetime.answer }
        known[name] = (answer, EventLoop.now() + lifetime)
        for body in lookup.waiting { body(answer) }
    }

    /// The addresses in lines like `192.0.2.1  STREAM www.example.com`, each once, in order.
    static func addresses(in text: [UInt8]) -> [IPAddress] {
        var result: [IPAddress] = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let word = line.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") && $0 != UInt8(ascii: "%") }
            if let address = IPAddress(parsing: word), !result.contains(address) { result.append(address) }
        }
        return result
    }
}

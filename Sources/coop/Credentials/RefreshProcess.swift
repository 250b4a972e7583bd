import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Vault

/// The process that refreshes a login, as the supervisor waits for it.
enum RefreshProcess {
    /// - Parameter words: what names the login to `coop refresh-login`.
    static func delegate(_ words: [String]) -> RefreshDelegate {
        { (digest) throws(CoopError) in try run(["coop", "refresh-login"] + words + ["\(digest)"]) }
    }

    private static func run(_ arguments: [String]) throws(CoopError) {
        func failure(_ why: String) -> CoopError { CoopError(.failed, "cannot refresh a login", why, next: "coop doctor") }
        var ends: [Int32] = [-1, -1]
        guard coop_pipe(&ends) == 0 else { throw failure(SystemError.text(for: errno)) }
        let reader = Descriptor(owning: ends[0])
        let child = try start(arguments, output: Descriptor(owning: ends[1]))
        // Only for the words: whether it has succeeded is what its exit status says.
        let answer = (try? reader.readAll(limit: 1 << 16, subject: "refresh-login")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        if status == 0 { return }
        throw error(in: answer) ?? failure("the process that does it was ended")
    }

    /// Nothing of the sandbox's is handed on: what it holds must end with the sandbox.
    ///
    /// - Parameter output: is closed here, so that its end is the process's.
    private static func start(_ arguments: [String], output: Descriptor) throws(CoopError) -> pid_t {
        defer { withExtendedLifetime(output) {} }
        do { return try DetachedProcess.start("/proc/self/exe", arguments, output: output.number) } catch {
            throw CoopError(.failed, "cannot refresh a login", error.reason, next: "coop doctor")
        }
    }

    /// Four lines: kind, what, why, next.
    static func text(of error: CoopError) -> String {
        [error.code.rawValue, error.what.printable, error.why.printable, (error.next ?? "").printable].map { $0 + "\n" }.joined()
    }

    private static func error(in text: String) -> CoopError? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 5, let code = CoopError.Code(rawValue: lines[0]) else { return nil }
        return CoopError(code, lines[1], lines[2], next: lines[3].isEmpty ? nil : lines[3])
    }
}

import CoopErrors
import Glibc
import LinuxKernel
import Substitution

/// Gets the value of a credential from where it is kept. Nothing is remembered: a value that is changed at its source is changed for the
/// next request.
public struct SecretResolver: Sendable {
    private let store: SecretStore
    private let userHome: String
    private let environment: @Sendable (String) -> String?
    /// Seconds that a program may take.
    private let timeout: Int

    public init(store: SecretStore, userHome: String, environment: @escaping @Sendable (String) -> String?, timeout: Int = 30) {
        self.store = store
        self.userHome = userHome
        self.environment = environment
        self.timeout = timeout
    }

    /// The value.
    ///
    /// - Throws: `CoopError` that says what is missing and how to provide it, never the value.
    public func value(_ source: SecretSource) throws(CoopError) -> SecretBytes {
        let value = try read(source)
        guard value.count > 0 else {
            throw CoopError(
                .notReady, "the credential from \(source.text.printable) is empty", "there is nothing in it", next: "coop grant list")
        }
        return value
    }

    private func read(_ source: SecretSource) throws(CoopError) -> SecretBytes {
        switch source {
        case .stored(let name):
            guard let found = try store.find(try SecretName(name)) else {
                throw CoopError(
                    .notReady, "there is no secret `\(name.printable)`", "nothing of that name is stored",
                    next: "coop secret add \(name.printable)")
            }
            return found.value
        case .environment(let name):
            guard let text = environment(name) else {
                throw CoopError(.notReady, "there is no variable `\(name)`", "it is not set where coop runs", next: "export \(name)=…")
            }
            return SecretBytes(copying: text.osBytes)
        case .file(let path, let pointer): return try file(path, pointer)
        case .command(let words): return try ProgramOutput.run(words, timeout: timeout, limit: SecretStore.sizeLimit)
        case .secretService(let attributes): return try secretService(attributes)
        }
    }

    private func file(_ written: String, _ pointer: String?) throws(CoopError) -> SecretBytes {
        let path = written.hasPrefix("~/") ? FileSystem.join(userHome, String(written.dropFirst(2))) : written
        var bytes: [UInt8]
        do {
            bytes = try SecretRead.file(path, limit: pointer == nil ? SecretStore.sizeLimit : 4 << 20)
        } catch {
            throw CoopError(.notReady, "cannot read a secret from \(path.printable)", error.reason, next: "ls -l \(path.printable)")
        }
        defer { bytes.wipe() }
        guard let pointer else {
            while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
            return bytes.withUnsafeBytes { SecretBytes($0) }
        }
        guard let value = try? JSONValue.parse(bytes) else {
            throw CoopError(.notReady, "cannot read a secret from \(path.printable)", "it is not JSON", next: "ls -l \(path.printable)")
        }
        guard let text = value.pointed(by: pointer)?.string else {
            throw CoopError(
                .notReady, "cannot read a secret from \(path.printable)", "there is no text at \(pointer.printable)",
                next: "ls -l \(path.printable)")
        }
        return SecretBytes(copying: text.utf8)
    }

    private func secretService(_ attributes: [String]) throws(CoopError) -> SecretBytes {
        var words = ["lookup"]
        for attribute in attributes {
            let parts = attribute.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            words += parts.count == 2 ? parts : [attribute, ""]
        }
        let candidates = (environment("PATH") ?? "").split(separator: ":").map { FileSystem.join(String($0), "secret-tool") }
        guard let program = candidates.first(where: { FileSystem.isExecutable($0) }) else {
            throw CoopError(
                .notReady, "cannot ask the Secret Service", "the program secret-tool is not installed",
                next: "sudo apt-get install libsecret-tools")
        }
        guard environment("DBUS_SESSION_BUS_ADDRESS") != nil || FileSystem.kind("/run/user/\(getuid())/bus") == .socket else {
            throw CoopError(
                .notReady, "cannot ask the Secret Service", "there is no session bus, so nobody is logged in at a desktop here",
                next: "coop secret add NAME   # keeps it in coop's own store")
        }
        return try ProgramOutput.run([program] + words, timeout: timeout, limit: SecretStore.sizeLimit)
    }
}

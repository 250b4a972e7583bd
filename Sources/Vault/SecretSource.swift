import CoopErrors
import LinuxKernel

/// Where a credential comes from, in the form in which people write it.
public enum SecretSource: Sendable, Equatable {
    /// A secret in coop's own store.
    case stored(String)
    /// A variable of coop's own environment: `env:OPENAI_API_KEY`.
    case environment(String)
    /// A file, or one value in a JSON file: `file:~/.token`, `file:~/.config/x.json#/auth/token`.
    case file(String, pointer: String?)
    /// The output of a program, started without a shell: `cmd:pass show example`.
    case command([String])
    /// An entry of the desktop's keyring, by its attributes: `secret-service:service=example user=me`.
    case secretService([String])

    /// Reads `env:…`, `file:…`, `cmd:…` or `secret-service:…`.
    public init(_ text: String) throws(CoopError) {
        func problem(_ why: String) -> CoopError {
            CoopError(.usage, "`\(text.printable)` is not a source of a secret", why, next: "coop grant add --help")
        }
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { throw problem("write env:VAR, file:PATH or cmd:COMMAND") }
        let rest = String(text[text.utf8.index(after: colon)...])
        guard !rest.isEmpty, rest.printable == rest else { throw problem("nothing readable follows the colon") }
        switch text[..<colon] {
        case "env":
            guard rest.utf8.allSatisfy({ $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }), rest.utf8.first.map({ $0 > 0x39 }) ?? false
            else {
                throw problem("`\(rest)` is not the name of a variable")
            }
            self = .environment(rest)
        case "file":
            let parts = rest.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let path = parts.first, path.hasPrefix("/") || path.hasPrefix("~/") else {
                throw problem("the path must begin with / or ~/")
            }
            self = .file(path, pointer: parts.count > 1 ? parts[1] : nil)
        case "cmd":
            guard let words = CommandWords.split(rest), !words.isEmpty else { throw problem("a quote is not closed") }
            self = .command(words)
        case "secret-service":
            guard let words = CommandWords.split(rest), !words.isEmpty,
                words.allSatisfy({ $0.contains("=") && !$0.hasPrefix("=") && !$0.hasPrefix("-") })
            else { throw problem("write attributes as NAME=VALUE, separated by spaces") }
            self = .secretService(words)
        default: throw problem("write env:VAR, file:PATH, cmd:COMMAND or secret-service:NAME=VALUE")
        }
    }

    /// As it is written; a stored secret by its name.
    public var text: String {
        switch self {
        case .stored(let name): name
        case .environment(let name): "env:" + name
        case .file(let path, let pointer): "file:" + path + (pointer.map { "#" + $0 } ?? "")
        case .command(let words): "cmd:" + CommandWords.join(words)
        case .secretService(let words): "secret-service:" + CommandWords.join(words)
        }
    }
}

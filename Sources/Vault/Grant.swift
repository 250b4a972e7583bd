import CoopErrors
import LinuxKernel
import Substitution

/// A credential that a sandbox may use without having it.
public struct Grant: Sendable, Equatable {
    public var name: String
    /// The provider's name; nil for one that the user described.
    public var provider: String?
    public var kind: Provider.Kind
    public var rules: [Provider.Rule]
    public var source: SecretSource
    /// Environment variables that get the stub.
    public var variables: [String]
    /// Environment variables that get a fixed text.
    public var constants: [String: String]
    public var shape: StubShape

    /// A grant as a provider's file describes it.
    ///
    /// - Parameter variables: instead of the provider's own.
    public init(name: String, provider: Provider, source: SecretSource, variables: [String]? = nil) {
        self.name = name
        self.provider = provider.name
        kind = provider.kind
        rules = provider.rules
        self.source = source
        self.variables = variables ?? provider.variables
        constants = Dictionary(provider.constants.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        shape = provider.shape
    }

    /// A grant for one place on one host. A request that has nothing there gets the credential as well.
    ///
    /// - Parameters:
    ///   - kind: `header`, `query`, `cookie` or `basic`.
    ///   - template: the text around the value, `Bearer {value}`; for `basic` the user name.
    ///   - variables: environment variables that get the stub; the secret's own name if it is one.
    public init(
        name: String, domain: GrantDomain, kind place: InjectionPlace.Kind, template: String?, basicUser: String? = nil,
        source: SecretSource,
        variables: [String]? = nil
    ) {
        self.name = name
        provider = nil
        kind = .token
        let absent = place == .basic ? (basicUser ?? "") + ":{value}" : template ?? "{value}"
        rules = [Provider.Rule(domains: [domain], places: [InjectionPlace(place, whenAbsent: absent)], paths: [])]
        self.source = source
        constants = [:]
        shape = StubShape()
        if let variables {
            self.variables = variables
        } else {
            switch source {
            case .stored(let name), .environment(let name): self.variables = Grant.isVariable(name) ? [name] : []
            case .file, .command, .secretService: self.variables = []
            }
        }
    }

    /// Whether a name may be that of an environment variable (POSIX.1-2017, section 8.1).
    public static func isVariable(_ name: String) -> Bool {
        name.utf8.first.map { $0 > 0x39 } ?? false && name.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }
    }
}

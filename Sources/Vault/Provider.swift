import CoopErrors
import LinuxKernel
import Substitution
import TOML

/// A service that coop knows: where its credential goes, and what programs expect it to look like.
public struct Provider: Sendable, Equatable {
    public enum Kind: String, Sendable { case token, aws }

    /// Hosts with the places where the credential may be put in requests to them.
    public struct Rule: Sendable, Equatable {
        public var domains: [GrantDomain]
        public var places: [InjectionPlace]
        /// With `*` for any text, and `{stub}` for the grant's stub; empty for all paths.
        public var paths: [String]
        /// Credentials of the service's own making that may be in requests to these hosts: a token in an address that it gave out.
        public var allows: [InjectionPlace.Kind]

        public init(domains: [GrantDomain], places: [InjectionPlace], paths: [String] = [], allows: [InjectionPlace.Kind] = []) {
            self.domains = domains
            self.places = places
            self.paths = paths
            self.allows = allows
        }
    }

    public var name: String
    public var title: String
    /// Where a person makes such a credential.
    public var page: String?
    public var kind: Kind
    /// Environment variables that get the stub.
    public var variables: [String]
    /// Environment variables that get a fixed text beside it, such as a user name.
    public var constants: [(name: String, value: String)]
    public var shape: StubShape
    public var rules: [Rule]
    /// Patterns with `*`, one of which the real value matches; empty for anything.
    public var accepts: [String]

    /// Reads a provider's file.
    public init(parsing bytes: [UInt8]) throws(CoopError) {
        let table: TOMLTable
        do {
            table = try TOMLDocument(parsing: bytes, name: "provider").root
        } catch {
            throw CoopError(.failed, "a provider's file is damaged", "\(error)", next: "coop version")
        }
        let reader = ProviderReader(table)
        name = try reader.text("name")
        title = try reader.text("title")
        page = reader.optionalText("page")
        let written = reader.optionalText("kind") ?? Kind.token.rawValue
        guard let kind = Kind(rawValue: written) else { throw reader.problem("kind `\(written)` is unknown") }
        self.kind = kind
        variables = try reader.texts("variables")
        accepts = try reader.texts("accepts", isOptional: true)
        constants = try reader.pairs("constants")
        let stub = try reader.table("stub")
        let alphabet = try stub.text("alphabet")
        guard let digits = StubShape.Alphabet(rawValue: alphabet) else { throw reader.problem("alphabet `\(alphabet)` is unknown") }
        shape = StubShape(prefix: try stub.text("prefix"), length: try stub.number("length"), alphabet: digits)
        var rules: [Rule] = []
        for rule in try reader.tables("rules") {
            let absent = rule.optionalText("absent")
            var domains: [GrantDomain] = []
            for host in try rule.texts("hosts") { domains.append(try GrantDomain(host)) }
            var allows: [InjectionPlace.Kind] = []
            for place in try rule.texts("allows", isOptional: true) {
                guard let kind = InjectionPlace.Kind(written: place) else { throw rule.problem("`\(place)` is not a place") }
                allows.append(kind)
            }
            var places: [InjectionPlace] = []
            for (index, place) in try rule.texts("places").enumerated() where place != "signature" {
                guard let kind = InjectionPlace.Kind(written: place) else { throw rule.problem("`\(place)` is not a place") }
                places.append(InjectionPlace(kind, whenAbsent: index == 0 ? absent : nil))
            }
            rules.append(Rule(domains: domains, places: places, paths: try rule.texts("paths", isOptional: true), allows: allows))
        }
        self.rules = rules
    }

    /// Why a value can hardly be a credential of this service; nil when it looks right.
    public func problem(with value: SecretBytes) -> String? {
        guard !accepts.isEmpty else { return nil }
        let isAccepted = value.withBytes { bytes in
            accepts.contains { WildcardText.matches(Array($0.utf8), bytes) }
        }
        return isAccepted ? nil : "a credential of \(title) looks like \(accepts.joined(separator: " or "))"
    }

    /// How many characters of a pattern a value matches; nil when it looks like no credential of this service.
    func resemblance(of value: SecretBytes) -> Int? {
        value.withBytes { bytes in accepts.filter { WildcardText.matches(Array($0.utf8), bytes) }.map(\.utf8.count).max() }
    }

    public static func == (left: Provider, right: Provider) -> Bool {
        left.name == right.name && left.rules == right.rules && left.shape == right.shape && left.variables == right.variables
    }
}

extension InjectionPlace.Kind {
    /// `header NAME`, `query NAME`, `cookie NAME`, `basic`, `path` or `body`.
    public init?(written: String) {
        let words = written.split(separator: " ").map(String.init)
        switch (words.first, words.count) {
        case ("header", 2): self = .header(words[1].lowercased())
        case ("query", 2): self = .query(words[1])
        case ("cookie", 2): self = .cookie(words[1])
        case ("basic", 1): self = .basic
        case ("path", 1): self = .path
        case ("body", 1): self = .body
        default: return nil
        }
    }

    /// As it is written in a provider's file, and shown.
    public var written: String {
        switch self {
        case .header(let name): "header \(name)"
        case .query(let name): "query \(name)"
        case .cookie(let name): "cookie \(name)"
        case .basic: "basic"
        case .path: "path"
        case .body: "body"
        }
    }
}

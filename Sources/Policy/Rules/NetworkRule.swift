import CoopErrors
import LinuxKernel

/// One rule of the network policy: what happens to requests to these hosts, with these methods, for these paths.
public struct NetworkRule: Sendable, Hashable, Codable {
    /// What happens.
    public enum Action: String, Sendable, Hashable, Codable, CaseIterable, BitwiseCopyable {
        case allow, deny
        /// The person at the terminal decides.
        case ask
    }

    /// The most paths of one rule.
    public static let pathLimit = 1024

    public var host: HostPattern
    /// HTTP methods in upper case; empty for all, and for what is not HTTP.
    public var methods: [String]
    /// Empty for all paths, and for what is not HTTP.
    public var paths: [PathPattern]
    public var action: Action
    /// Where the rule is written, as a person finds it: `coop.toml:12:3`, `--allow`, `bundle npm`.
    public var origin: String

    public init(_ host: HostPattern, methods: [String] = [], paths: [PathPattern] = [], action: Action = .allow, origin: String) {
        self.host = host
        self.methods = methods
        self.paths = paths
        self.action = action
        self.origin = origin
    }

    /// Reads the texts of a rule of `[[network.rules]]`, of `allow` or of `deny`; an error names the origin.
    public init(
        parsing host: String, methods: [String] = [], paths: [String] = [], action: Action = .allow, origin: String
    ) throws(CoopError) {
        do throws(CoopError) {
            try self.init(
                HostPattern(parsing: host), methods: NetworkRule.checked(methods), paths: NetworkRule.parsed(paths), action: action,
                origin: origin)
            try checkAddress()
        } catch {
            throw CoopError(error.code, "\(origin): \(error.what)", error.why, next: error.next)
        }
    }

    /// Whether it depends on the request, so that the gateway has to read the requests to this host.
    public var looksAtRequests: Bool { !methods.isEmpty || !paths.isEmpty }

    /// Whether the rule is about this port. Without a port a rule means 443 and 80; a denial means every port.
    public func coversPort(_ port: UInt16) -> Bool {
        if let only = host.port { return only == port }
        return action == .deny || port == 443 || port == 80
    }

    /// Reads the name of an action.
    public static func action(parsing text: String) throws(CoopError) -> Action {
        if let action = Action(rawValue: text) { return action }
        let all = Action.allCases.map(\.rawValue)
        let near = NearestName.find(text, among: all)
        throw CoopError(
            .configuration, "cannot read the action `\(text.printable)`", "an action is one of \(all.joined(separator: ", "))",
            next: near.map { "write `\($0)`" })
    }

    /// An address that is closed in every mode cannot be opened by a rule; saying so here is better than a rule without effect.
    private func checkAddress() throws(CoopError) {
        guard action != .deny, case .address(let address) = host.hosts else { return }
        let found = AddressClass(address)
        guard found != .public else { return }
        let next =
            found.mayBeOpened
            ? "give it a name in coop.toml: `[network.hosts]`, then `\"NAME\" = \"\(address.hostText):\(host.port ?? 443)\"`" : nil
        let why = "it is a \(found.rawValue) address, and those are closed in every mode"
        throw CoopError(.configuration, "cannot allow the address `\(address)`", why, next: next)
    }

    private static func checked(_ methods: [String]) throws(CoopError) -> [String] {
        for method in methods {
            // RFC 9110, section 9.1: a method is a token and case-sensitive; all that are registered are in upper case.
            let isName =
                (1...MethodTable.lengthLimit).contains(method.utf8.count)
                && method.utf8.allSatisfy { ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A) || $0 == UInt8(ascii: "-") }
            if isName, method == method.uppercased() { continue }
            let near = isName ? method.uppercased() : NearestName.find(method, among: commonMethods) ?? "GET"
            throw CoopError(
                .configuration, "cannot read the method `\(method.printable)`", "an HTTP method is a word in upper case",
                next: "write `\(near)`")
        }
        return methods
    }

    private static func parsed(_ paths: [String]) throws(CoopError) -> [PathPattern] {
        var result: [PathPattern] = []
        for path in paths { result.append(try PathPattern(parsing: path)) }
        return result
    }

    private static let commonMethods = ["get", "head", "post", "put", "patch", "delete", "options"]
}

extension NetworkRule: CustomStringConvertible {
    /// The rule on one line: `deny POST api.example.com /admin/*`.
    public var description: String {
        ([action.rawValue] + (methods.isEmpty ? [] : [methods.joined(separator: ",")]) + ["\(host)"] + paths.map(\.text))
            .joined(separator: " ")
    }
}

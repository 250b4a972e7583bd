import CoopErrors
import Substitution

/// All grants of a sandbox, prepared for the decision about a request.
///
/// A host that receives a credential is pinned to it. Sending that host a credential of one's own would be a way out for everything the
/// sandbox can read, into somebody else's account, so it is refused.
public struct CompiledGrants: Sendable {
    private struct Stub: Sendable {
        var text: [UInt8]
        var member: Int
    }

    private let members: [GrantedCredential]
    private let known: [Stub]
    /// Reads credentials out of a head with all stubs of this sandbox. The worker makes its own from `stubs`, `places` and
    /// `schemes`.
    public let survey: CredentialSurvey

    public init(_ members: [GrantedCredential]) {
        self.members = members
        known = members.enumerated().flatMap { index, member in member.stubs.map { Stub(text: Array($0.utf8), member: index) } }
        places = members.flatMap { $0.rules.flatMap { $0.places.map(\.kind) } }
        let marker = PatternTable([.init(Array("{value}".utf8), [])])
        schemes = members.flatMap { $0.rules.flatMap(\.places) }.compactMap { place in
            guard place.kind != .basic, let text = place.whenAbsent, let scheme = marker.replacing(in: text) else { return nil }
            return scheme.split(separator: " ").joined(separator: " ")
        }
        survey = CredentialSurvey(stubs: known.map(\.text), places: places, schemes: schemes)
    }

    /// All stubs; their positions are what a `Sighting` names.
    public var stubs: [[UInt8]] { known.map(\.text) }

    /// Where grants put credentials, for the worker's survey.
    public let places: [InjectionPlace.Kind]

    /// Words that grants' templates put before a credential, for the worker's survey.
    public let schemes: [String]

    public var isEmpty: Bool { members.isEmpty }

    /// Whether a credential goes to this host: its requests must be inspected, and a repository's `hosts`, `ca` and `proxy` do not apply.
    ///
    /// - Parameter host: in lower case, without a dot at the end.
    public func isPinned(_ host: String, port: Int) -> Bool {
        members.contains { $0.rules.contains { $0.domains.contains { $0.contains(host, port: port) } } }
    }

    /// Whether the decision about a request to this host can take long, because a credential has to be asked for.
    public func mayWait(_ host: String, port: Int) -> Bool {
        members.contains { $0.mayWait && $0.rules.contains { $0.domains.contains { $0.contains(host, port: port) } } }
    }

    /// The hosts that receive credentials, with the names of their grants.
    public var domains: [(grant: String, domain: GrantDomain)] {
        members.flatMap { member in member.rules.flatMap(\.domains).map { (member.name, $0) } }
    }

    /// Grows when a credential has become another one: what is looked for in traffic is then out of date.
    public var revision: Int { members.reduce(0) { $0 + $1.revision() } }

    /// The decision about one request.
    ///
    /// - Parameters:
    ///   - host: as the gateway has verified it, in lower case, without a dot at the end.
    ///   - path: without the query.
    ///   - sightings: what the survey found in the head.
    public func decide(host: String, port: Int, path: String, sightings: [CredentialSurvey.Sighting]) -> GrantDecision {
        let here = members.indices.filter { index in
            members[index].rules.contains { $0.domains.contains { $0.contains(host, port: port) } }
        }
        if here.isEmpty { return .none(misplaced: names(sightings.flatMap(\.stubs))) }

        let cleanPath = CompiledGrants.normalized(path)
        var places: [Int: [InjectionPlace]] = [:]
        var allowed: [InjectionPlace.Kind] = []
        var needsPath = false
        for index in here {
            for rule in members[index].rules where rule.domains.contains(where: { $0.contains(host, port: port) }) {
                let applies = rule.paths.isEmpty || rule.paths.contains { matches($0, cleanPath, members[index]) }
                if applies {
                    places[index, default: []] += rule.places
                    allowed += rule.allows
                } else if rule.places.contains(where: { $0.kind == .path }) {
                    needsPath = true
                }
            }
        }
        // Where the credential is a part of the path, a path without the stub holds another one.
        if needsPath, places.isEmpty { return .foreign(place: InjectionPlace.Kind.path.written) }
        let signs = sightings.contains { sighting in
            sighting.stubs.contains {
                known.indices.contains($0) && members[known[$0].member].kind == .aws && places[known[$0].member] != nil
            }
        }
        var misplaced: [Int] = []
        for sighting in sightings {
            let owners = sighting.stubs.filter { known.indices.contains($0) }
            if owners.isEmpty || !sighting.isWhole {
                if signs, CompiledGrants.isPartOfSignature(sighting.kind) { continue }
                if isForeign(sighting.kind), !allowed.contains(sighting.kind) { return .foreign(place: sighting.kind.written) }
            }
            for owner in owners {
                let member = known[owner].member
                let isRight =
                    members[member].kind == .aws ? places[member] != nil : places[member]?.contains { $0.kind == sighting.kind } ?? false
                if !isRight { misplaced.append(owner) }
            }
        }
        do throws(CoopError) {
            var injections: [Injection] = []
            for index in here {
                guard let places = places[index] else { continue }
                // A value that the request can use nowhere is not fetched.
                let isUsed =
                    places.contains { $0.whenAbsent != nil || $0.kind == .body || $0.kind == .path }
                    || sightings.contains { $0.stubs.contains { known.indices.contains($0) && known[$0].member == index } }
                if isUsed { injections += try members[index].injections(places: places) }
            }
            return .inject(injections, misplaced: names(misplaced))
        } catch {
            return .unavailable(error)
        }
    }

    /// Gets another value of a credential that a host has refused although it had not ended.
    ///
    /// - Parameters:
    ///   - grant: whose credential it is; one that does not go to this host is not renewed.
    ///   - revision: of the value, as it was put in.
    /// - Returns: whether there is another value now.
    public func renew(_ grant: String, revision: Int, host: String, port: Int) throws(CoopError) -> Bool {
        let found = members.first { member in
            member.name == grant && member.rules.contains { $0.domains.contains { $0.contains(host, port: port) } }
        }
        return try found?.renew?(revision) ?? false
    }

    /// Gets every credential once, so that a run that could not work does not start.
    ///
    /// - Throws: the first that cannot be had, with the grant's name.
    public func verify() throws(CoopError) {
        for member in members {
            do throws(CoopError) {
                _ = try member.injection(try member.held(), places: [])
            } catch {
                throw CoopError(error.code, "the grant `\(member.name)` has no credential", error.message, next: error.next)
            }
        }
    }

    /// The values that must not leave in the clear, with their grants' names, for `SecretFingerprints`.
    public func secrets() throws(CoopError) -> [(name: String, value: SecretBytes)] {
        var result: [(name: String, value: SecretBytes)] = []
        for member in members {
            let held: SecretBytes
            do throws(CoopError) {
                held = try member.held()
            } catch {
                // A login that has ended meanwhile: what it had must not leave all the same.
                let known = member.further()
                guard !known.isEmpty else { throw error }
                result += known.map { (member.name, $0.secret) }
                continue
            }
            let injection = try member.injection(held, places: [])
            switch injection.credential {
            case .token(_, let secret):
                result.append((member.name, secret))
                result += member.further().filter { $0.secret != secret }.map { (member.name, $0.secret) }
            case .aws(let keys):
                result.append((member.name, keys.secret))
                if let token = keys.token { result.append((member.name, token)) }
            }
        }
        return result
    }

    private func matches(_ pattern: String, _ path: String, _ member: GrantedCredential) -> Bool {
        let stub = Array((member.stubs.first ?? "").utf8)
        let filled = PatternTable([.init(Array("{stub}".utf8), stub)]).replacing(in: pattern) ?? pattern
        return WildcardText.matches(Array(filled.utf8), path.utf8)
    }

    private func isForeign(_ kind: InjectionPlace.Kind) -> Bool {
        if case .cookie(let name) = kind { return !HarmlessCookies.contains(name) }
        return survey.isForCredentials(kind)
    }

    private static func isPartOfSignature(_ kind: InjectionPlace.Kind) -> Bool {
        switch kind {
        case .header(let name): name == "authorization"
        case .query(let name): name.lowercased().hasPrefix("x-amz-")
        case .basic, .cookie, .path, .body: false
        }
    }

    private func names(_ stubs: [Int]) -> [String] {
        var result: [String] = []
        for stub in stubs where known.indices.contains(stub) {
            let name = members[known[stub].member].name
            if !result.contains(name) { result.append(name) }
        }
        return result
    }

    /// Decoded once, and without dots and doubled slashes, so that `/a/../b` is not taken for a path below `/a`.
    static func normalized(_ path: String) -> String {
        var bytes: [UInt8] = []
        let input = Array(path.utf8)
        var index = 0
        while index < input.count {
            if input[index] == UInt8(ascii: "%"), index + 2 < input.count,
                let value = UInt8(String(decoding: input[index + 1...index + 2], as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                index += 3
            } else {
                bytes.append(input[index])
                index += 1
            }
        }
        var parts: [ArraySlice<UInt8>] = []
        for part in bytes.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
        }
        let end = bytes.last == UInt8(ascii: "/") && !parts.isEmpty ? "/" : ""
        return "/" + parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/") + end
    }
}

/// Which stubs and which other credentials the head of a request holds, and where.
///
/// The worker reports what it saw; whether a credential may be there is decided by whoever knows the grants.
public struct CredentialSurvey: Sendable {
    /// Something that looks like a credential.
    public struct Sighting: Sendable, Equatable {
        public var kind: InjectionPlace.Kind
        /// The positions of the stubs in it, in the list that the survey was made with. Empty: it is somebody else's.
        public var stubs: [Int]
        /// Whether besides the stub and the name of a scheme there is nothing else in it.
        public var isWhole: Bool

        public init(kind: InjectionPlace.Kind, stubs: [Int], isWhole: Bool) {
            self.kind = kind
            self.stubs = stubs
            self.isWhole = isWhole
        }
    }

    /// Header fields that carry credentials.
    public static let fieldNames: Set<String> = [
        "authorization", "proxy-authorization", "x-api-key", "api-key", "apikey", "x-goog-api-key", "x-auth-token", "x-access-token",
        "x-auth-key", "x-api-token", "x-token", "private-token", "job-token", "deploy-token", "x-gitlab-token", "x-github-token",
        "x-vault-token", "x-amz-security-token", "x-session-token", "x-figma-token", "dd-api-key", "dd-application-key",
        "x-functions-key", "ocp-apim-subscription-key", "x-shopify-access-token", "x-registry-auth", "openai-api-key", "anthropic-api-key",
        "cf-access-token", "x-jfrog-art-api", "x-nuget-apikey", "x-rapidapi-key", "x-subscription-token",
    ]

    /// Parameters of a query that carry credentials.
    public static let queryNames: Set<String> = [
        "key", "api_key", "apikey", "api-key", "access_token", "auth_token", "token", "auth", "private_token", "job_token", "client_secret",
        "x-amz-credential", "x-amz-signature", "x-amz-security-token", "awsaccesskeyid", "signature", "sig", "x-goog-credential",
        "x-goog-signature", "password", "secret", "session_token", "code_verifier", "subscription-key",
    ]

    /// Words that may stand before a stub, in lower case. Anything else there could be a credential of its own.
    public static let schemes: Set<String> = ["bearer", "token", "apikey", "api-key", "key", "bot", "pat"]

    private let stubs: [[UInt8]]
    private let schemes: Set<[UInt8]>
    private let table: PatternTable
    private let fields: Set<String>
    private let queries: Set<String>

    /// - Parameters:
    ///   - stubs: all stubs of the sandbox.
    ///   - places: further places where grants put credentials.
    ///   - schemes: further words that grants' templates put before them.
    public init(stubs: [[UInt8]], places: [InjectionPlace.Kind] = [], schemes: [String] = []) {
        self.schemes = Set(CredentialSurvey.schemes.union(schemes.map { $0.lowercased() }).map { Array($0.utf8) })
        self.stubs = stubs
        table = PatternTable(stubs.enumerated().map { PatternTable.Pair($1, CredentialSurvey.mark($0)) })
        var fields = CredentialSurvey.fieldNames
        var queries = CredentialSurvey.queryNames
        for place in places {
            switch place {
            case .header(let name): fields.insert(name.lowercased())
            case .query(let name): queries.insert(name.lowercased())
            case .basic, .cookie, .path, .body: break
            }
        }
        self.fields = fields
        self.queries = queries
    }

    /// Whether what stands in such a place says who the sender is.
    public func isForCredentials(_ kind: InjectionPlace.Kind) -> Bool {
        switch kind {
        case .header(let name): fields.contains(name)
        case .query(let name): queries.contains(name.lowercased())
        case .basic, .cookie: true
        case .path, .body: false
        }
    }

    /// Everything in the head that looks like a credential, and the path if it holds a stub.
    public func sightings(in head: RequestHead) -> [Sighting] {
        var result: [Sighting] = []
        for field in head.fields {
            let name = field.name.lowercased()
            if name == "cookie" {
                for crumb in field.value.utf8.split(separator: UInt8(ascii: ";")) {
                    let crumb = String(Substring(crumb))
                    let value = crumb.utf8.drop { $0 != UInt8(ascii: "=") }.dropFirst()
                    result.append(sighting(.cookie(CookieCrumb.name(of: crumb)), Array(value)))
                }
            } else if fields.contains(name) {
                if let encoded = BasicCredentials.encoded(field.value) {
                    result.append(basic(encoded))
                } else if !field.value.isEmpty {
                    result.append(sighting(.header(name), Array(field.value.utf8)))
                }
            } else if !table.isEmpty {
                // A stub in a field that is not for credentials: to be seen, although it is nobody else's.
                let found = sighting(.header(name), Array(field.value.utf8))
                if !found.stubs.isEmpty { result.append(found) }
            }
        }
        for part in (head.query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let text = Substring(part)
            guard let pair = QueryPair(text) else {
                result.append(Sighting(kind: .query(String(text.prefix { $0 != "=" })), stubs: [], isWhole: false))
                continue
            }
            let name = String(decoding: pair.name, as: UTF8.self)
            let found = sighting(.query(name), pair.value)
            if !found.stubs.isEmpty || (queries.contains(name.lowercased()) && !pair.value.isEmpty) { result.append(found) }
        }
        let path = sighting(.path, Array(head.path.utf8))
        if !path.stubs.isEmpty { result.append(path) }
        return result
    }

    /// The stubs in some bytes, each once.
    public func stubs(in bytes: [UInt8]) -> [Int] { sighting(.body, bytes).stubs }

    private func basic(_ encoded: [UInt8]) -> Sighting {
        guard let text = Base64.decode(encoded) else { return Sighting(kind: .basic, stubs: [], isWhole: false) }
        let parts = text.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false).map {
            sighting(.basic, Array($0))
        }
        // Either the name or the password is the credential; beside a stub the other one is a name such as `x-access-token`.
        return Sighting(kind: .basic, stubs: parts.flatMap(\.stubs), isWhole: parts.contains { $0.isWhole && !$0.stubs.isEmpty })
    }

    private func sighting(_ kind: InjectionPlace.Kind, _ value: [UInt8]) -> Sighting {
        // A mark begins with a byte that text never has; what has it nonetheless is nobody's credential.
        guard !value.contains(0xFF), let marked = table.replacing(in: value) else {
            return Sighting(kind: kind, stubs: [], isWhole: false)
        }
        var found: [Int] = []
        var rest: [UInt8] = []
        var index = 0
        while index < marked.count {
            if marked[index] == 0xFF, index + 4 < marked.count {
                let number = marked[index + 1..<index + 5].reduce(0) { $0 << 6 | Int($1 & 0x3F) }
                if number < stubs.count, !found.contains(number) { found.append(number) }
                index += 5
            } else {
                rest.append(marked[index])
                index += 1
            }
        }
        while rest.first == 0x20 { rest.removeFirst() }
        while rest.last == 0x20 { rest.removeLast() }
        let isScheme = rest.isEmpty || schemes.contains(rest.map(\.asciiLowercased))
        return Sighting(kind: kind, stubs: found, isWhole: found.count == 1 && isScheme)
    }

    private static func mark(_ number: Int) -> [UInt8] {
        [0xFF] + stride(from: 18, through: 0, by: -6).map { UInt8(0x80 | (number >> $0 & 0x3F)) }
    }
}

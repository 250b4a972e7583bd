/// Lets one request use one secret: which stub stands for it, and where in the request it may be put.
///
/// A stub anywhere else stays what it is. A program that mails its environment to a language model sends the stub, and gets
/// nothing else back.
public struct Injection: Sendable, Equatable {
    /// The grant that gives it; for the record, and to tell injections apart.
    public var grant: String
    public var credential: Credential
    /// Where it may be put. For `aws` the signature is the only place, and this stays empty.
    public var places: [InjectionPlace]
    /// Which value of a credential this is that can be renewed when a host refuses it; nil for one that cannot.
    public var revision: UInt64?

    public init(grant: String, credential: Credential, places: [InjectionPlace], revision: UInt64? = nil) {
        self.grant = grant
        self.credential = credential
        self.places = places
        self.revision = revision
    }

    public enum Credential: Sendable, Equatable {
        /// `stub` is replaced by `secret`.
        case token(stub: [UInt8], secret: SecretBytes)
        /// A request signed with the stub's keys is signed anew with the real ones.
        case aws(AWSCredential)
    }
}

/// A place in a request where a stub becomes its secret.
public struct InjectionPlace: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// A header field; the name in lower case.
        case header(String)
        /// The user name or the password of basic authentication (RFC 7617), also of `Proxy-Authorization`.
        case basic
        /// A parameter of the query; the name as it reads decoded.
        case query(String)
        /// A cookie by name.
        case cookie(String)
        /// A whole segment or a part of the path: `/bot<token>/send`.
        case path
        /// The body, if it is JSON, a form or other text.
        case body
    }

    public var kind: Kind
    /// What to put there when the request has nothing in that place, with the secret for `{value}`: `Bearer {value}`. For `basic` it is
    /// `USER:{value}`, before encoding. Nil: the request stays without.
    public var whenAbsent: String?

    public init(_ kind: Kind, whenAbsent: String? = nil) {
        if case .header(let name) = kind { self.kind = .header(name.lowercased()) } else { self.kind = kind }
        self.whenAbsent = whenAbsent
    }
}

/// The keys that sign requests to AWS, and the ones that the sandbox has in their place.
public struct AWSCredential: Sendable, Equatable {
    public var stubKeyID: String
    public var stubSecret: [UInt8]
    /// The stub of the session token; nil when the sandbox was given none.
    public var stubToken: [UInt8]?
    public var keyID: SecretBytes
    public var secret: SecretBytes
    /// Nil for long-lived keys.
    public var token: SecretBytes?

    public init(
        stubKeyID: String, stubSecret: [UInt8], stubToken: [UInt8]? = nil, keyID: SecretBytes, secret: SecretBytes,
        token: SecretBytes? = nil
    ) {
        self.stubKeyID = stubKeyID
        self.stubSecret = stubSecret
        self.stubToken = stubToken
        self.keyID = keyID
        self.secret = secret
        self.token = token
    }
}

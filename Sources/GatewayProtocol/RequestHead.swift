import Substitution

/// One HTTP request that waits for a verdict. Its body has not been read.
public struct RequestHead: Equatable, Sendable {
    public var method: String
    /// `http` or `https`.
    public var scheme: String
    /// Host, and port where the client wrote one.
    public var authority: String
    /// Path and query as the client wrote them.
    public var path: String
    /// What in the head looks like a credential, by the survey that `SecretWatch` describes.
    public var sightings: [CredentialSurvey.Sighting]

    public init(method: String, scheme: String, authority: String, path: String, sightings: [CredentialSurvey.Sighting] = []) {
        self.method = method
        self.scheme = scheme
        self.authority = authority
        self.path = path
        self.sightings = sightings
    }
}

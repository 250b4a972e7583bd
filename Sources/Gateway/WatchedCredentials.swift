import GatewayProtocol
import HTTPGateway
import Substitution

/// What the worker knows of the sandbox's credentials: how they look inside, and how to recognise the real ones.
struct WatchedCredentials: Sendable {
    let survey: CredentialSurvey
    /// Nil when there is nothing to recognise.
    let secrets: SecretScanner.Index?
    private let names: [String]

    init(_ watch: SecretWatch) {
        survey = CredentialSurvey(stubs: watch.stubs, places: watch.places, schemes: watch.schemes)
        secrets = watch.fingerprints.map(SecretScanner.Index.init)
        names = watch.names
    }

    /// Stops a message that holds a secret. Its name is for the record alone: the program inside learns only that it was noticed.
    func refusal(_ secret: Int, in place: String) -> TransformRefusal {
        let name = names.indices.contains(secret) ? names[secret] : "\(secret)"
        return TransformRefusal(
            kind: .secret,
            denial: HTTPGateway.Denial(rule: "secrets", reason: "the request holds a secret of the user's, which must not leave"),
            detail: "the secret `\(name)` in the \(place)")
    }
}

import GatewayProtocol
import HTTPGateway
import Substitution

/// From a request as the pipelines read it to the question that the supervisor answers.
enum RequestReading {
    /// Nil for a head beyond the protocol's limits: what cannot be told whole is not judged by a part of it.
    static func question(_ head: HTTPGateway.RequestHead, _ survey: CredentialSurvey) -> GatewayProtocol.RequestHead? {
        guard head.method.utf8.count <= ProtocolLimit.method, head.authority.utf8.count <= ProtocolLimit.name + 6,
            head.path.utf8.count <= ProtocolLimit.path
        else { return nil }
        let sightings = survey.sightings(in: head.forSubstitution)
        guard sightings.count <= ProtocolLimit.sightings else { return nil }
        return GatewayProtocol.RequestHead(
            method: head.method, scheme: head.scheme, authority: head.authority, path: head.path, sightings: sightings)
    }
}

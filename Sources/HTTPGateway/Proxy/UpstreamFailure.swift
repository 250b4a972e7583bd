/// Why there is no (complete) response from the upstream.
struct UpstreamFailure: Error, Equatable {
    var kind: Incident.Kind
    /// 502 or 504.
    var status = 502
    var reason: String
    /// Whether the upstream closed without a byte of an answer.
    var isSilentClose = false
}

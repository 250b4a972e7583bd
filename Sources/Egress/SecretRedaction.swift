import Audit
import GatewayProtocol
import Substitution

/// Keeps secrets out of the record: a program inside may put one into a path or a name that is written down.
struct SecretRedaction {
    private let index: SecretScanner.Index?
    private let names: [String]

    init(_ watch: SecretWatch) {
        index = watch.fingerprints.map(SecretScanner.Index.init)
        names = watch.names
    }

    /// The details, with texts that hold a secret left out.
    func apply(to details: [AuditDetail]) -> [AuditDetail] {
        guard let index else { return details }
        return details.map { detail in
            guard case .text(let text) = detail.value, let found = SecretScanner.find(in: Array(text.utf8), index) else { return detail }
            return AuditDetail(
                detail.name, "[left out: it holds the secret `\(names.indices.contains(found) ? names[found] : "\(found)")`]")
        }
    }
}

import CoopErrors
import LinuxKernel

extension HostName {
    /// Reads a name that a person has written in the configuration or on the command line. International names are
    /// converted to their `xn--` form; names that deceive the eye are refused.
    ///
    /// - Parameter subject: what could not be read, for the error: `` the rule `bücher.example` ``.
    public init(configured text: some StringProtocol, subject: String? = nil) throws(CoopError) {
        let what = subject ?? "cannot read the host `\(String(text).printable)`"
        var ascii = ""
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            ascii = String(text)
        } else {
            for (number, label) in text.split(separator: ".", omittingEmptySubsequences: false).enumerated() {
                do {
                    ascii += try (number == 0 ? "" : ".") + InternationalLabel.encode(Substring(label))
                } catch {
                    throw CoopError(
                        .configuration, what, "`\(String(label).printable)`: \(error.reason)", next: "write the name in its xn-- form")
                }
            }
        }
        do {
            try self.init(untrusted: ascii.utf8)
        } catch {
            throw CoopError(.configuration, what, error.description, next: HostName.remedy(for: error))
        }
    }

    private static func remedy(for problem: HostNameProblem) -> String {
        switch problem {
        case .address: "write an IPv4 address as four decimal numbers, and IPv6 in [brackets]"
        case .invalidInternational: "write the name as it is spelled, or in its xn-- form"
        default: "write the host alone, like `api.example.com`"
        }
    }
}

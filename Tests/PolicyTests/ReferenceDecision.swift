@testable import Policy

/// The rules of docs/network-policy.md, written down as plainly as possible, to compare the compiled policy with.
struct ReferenceDecision {
    var policy: NetworkPolicy
    var addressGuard = AddressGuard()

    func decide(_ host: Destination, port: UInt16, method: String, target: String) -> Decision {
        decide(host, port: port) { rule in
            let method = rule.action == .allow ? method : method.uppercased()
            return (rule.methods.isEmpty || rule.methods.contains(method)) && (rule.paths.isEmpty || matches(rule, target))
        }
    }

    func decide(_ host: Destination, port: UInt16) -> Decision {
        decide(host, port: port) { rule in !rule.looksAtRequests || rule.action != .allow }
    }

    private func decide(_ host: Destination, port: UInt16, fits: (NetworkRule) -> Bool) -> Decision {
        if let address = host.address, let closed = addressGuard.refusal(of: address, isExplicit: policy.override(for: host) != nil) {
            return Decision(.deny, .closedAddress(closed))
        }
        if policy.mode == .none { return Decision(.deny, .closedMode) }
        let order =
            policy.rules.indices.filter { policy.rules[$0].action == .deny }
            + policy.rules.indices.filter { policy.rules[$0].action != .deny }
        for index in order {
            let rule = policy.rules[index]
            if rule.host.covers(host), rule.coversPort(port), fits(rule) { return Decision(rule.action, .rule(index)) }
        }
        if host.address != nil { return Decision(.deny, .directAddress) }
        if policy.mode == .scoped { return Decision(.deny, .noRule) }
        if port != 443 && port != 80 { return Decision(.deny, .port) }
        if let name = host.name, name.isLocal, policy.override(for: host) == nil { return Decision(.deny, .localName) }
        return Decision(.allow, .openMode)
    }

    private func matches(_ rule: NetworkRule, _ target: String) -> Bool {
        let path = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0]
        guard case .readable(let literal, let separated) = PathReading.read(Array(path.utf8)) else { return rule.action != .allow }
        let readings = [String(decoding: literal, as: UTF8.self), String(decoding: separated, as: UTF8.self)]
        return rule.paths.contains { pattern in
            let patterns = [pattern.text, replaceSlashes(pattern.text)]
            if rule.action == .allow { return zip(patterns, readings).allSatisfy { glob($0, $1) } }
            return zip(patterns, readings).contains { pattern, reading in
                let pattern = pattern.lowercased(), reading = reading.lowercased()
                return glob(pattern, reading) || (reading.count > 1 && reading.hasSuffix("/") && glob(pattern, String(reading.dropLast())))
            }
        }
    }

    private func replaceSlashes(_ text: String) -> String {
        var result = ""
        var rest = Substring(text)
        while let range = String(rest).utf8Range(of: "%2F") {
            let whole = String(rest)
            result += whole[..<range.lowerBound] + "/"
            rest = Substring(whole[range.upperBound...])
        }
        return result + rest
    }

    private func glob(_ pattern: String, _ text: String) -> Bool {
        glob(Array(pattern.utf8)[...], Array(text.utf8)[...])
    }

    private func glob(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == UInt8(ascii: "*") { return glob(pattern.dropFirst(), text) || (!text.isEmpty && glob(pattern, text.dropFirst())) }
        return text.first == first && glob(pattern.dropFirst(), text.dropFirst())
    }
}

/// The decision itself.
extension CompiledNetworkPolicy {
    /// The best rule so far.
    private struct Best {
        var rank = UInt32.max
        var index: UInt32 = 0
        var action = NetworkRule.Action.deny

        @inline(__always)
        mutating func take(_ rule: CompiledRule) { (rank, index, action) = (rule.rank, rule.index, rule.action) }

        @inline(__always)
        var decision: Decision? { rank == .max ? nil : Decision(action, .rule(Int(index))) }
    }

    /// Judges a connection whose content cannot be looked at.
    func decide(_ host: HostView, port: UInt16) -> Decision {
        if policy.mode == .none { return Decision(.deny, .closedMode) }
        var best = Best()
        var next = number(of: host)
        while next != SuffixTable.none {
            let entry = hosts[Int(next)]
            for index in Int(entry.first)..<Int(entry.first &+ entry.count) {
                let rule = rules[index]
                if rule.rank >= best.rank { break }
                if rule.covers(port), !rule.isConditional || rule.action != .allow { best.take(rule) }
            }
            next = entry.wider
        }
        return best.decision ?? fallback(host, port: port)
    }

    /// Judges a request.
    func decide(_ host: HostView, port: UInt16, method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer) -> Decision {
        if policy.mode == .none { return Decision(.deny, .closedMode) }
        let number = number(of: host)
        if number == SuffixTable.none { return fallback(host, port: port) }
        var request = RequestView(method: methods.bits(of: method), written: target, path: .unread)
        if judge(number, port: port, &request) { return request.decision ?? fallback(host, port: port) }
        return decideCarefully(host, number, port: port, &request)
    }

    /// Judges a request whose path is spelled in some unusual way, and looked at by a rule.
    @inline(never)
    private func decideCarefully(_ host: HostView, _ number: UInt32, port: UInt16, _ request: inout RequestView) -> Decision {
        withUnsafeTemporaryAllocation(byteCount: 2 * PathReading.lengthLimit, alignment: 8) { buffer in
            let literal = UnsafeMutableRawBufferPointer(rebasing: buffer[..<PathReading.lengthLimit])
            let separated = UnsafeMutableRawBufferPointer(rebasing: buffer[PathReading.lengthLimit...])
            if let counts = PathReading.read(request.written, literal: literal, separated: separated) {
                request.path = .readable
                request.literal = UnsafeRawBufferPointer(rebasing: literal[..<counts.literal])
                request.separated = UnsafeRawBufferPointer(rebasing: separated[..<counts.separated])
            } else {
                request.path = .ambiguous
            }
            _ = judge(number, port: port, &request)
            return request.decision ?? fallback(host, port: port)
        }
    }

    /// Finds the rule that decides; false when the path has to be read carefully first.
    private func judge(_ number: UInt32, port: UInt16, _ request: inout RequestView) -> Bool {
        var best = Best()
        var next = number
        while next != SuffixTable.none {
            let entry = hosts[Int(next)]
            var index = Int(entry.first)
            let end = index &+ Int(entry.count)
            while index < end {
                let rule = rules[index]
                if rule.rank >= best.rank { break }
                index &+= 1
                guard rule.covers(port) else { continue }
                let method = rule.action == .allow ? request.method.exact : request.method.folded
                guard rule.methods & method != 0 else { continue }
                if rule.pathCount > 0 {
                    if request.path == .unread, !request.readPlainPath() { return false }
                    guard matches(rule, request) else { continue }
                }
                best.take(rule)
            }
            next = entry.wider
        }
        request.decision = best.decision
        return true
    }

    private func matches(_ rule: CompiledRule, _ request: RequestView) -> Bool {
        if request.path == .ambiguous { return rule.action != .allow }
        let hasTwo = request.path == .readable
        for index in Int(rule.firstPath)..<Int(rule.firstPath &+ rule.pathCount) {
            let pattern = paths[index]
            let first = bytes(pattern.start, pattern.count)
            if rule.action == .allow {
                guard PathMatch.exact(first, Int(pattern.literalCount), request.literal) else { continue }
                guard hasTwo else { return true }
                let second = bytes(pattern.separatedStart, pattern.separatedCount)
                if PathMatch.exact(second, Int(pattern.separatedLiteralCount), request.separated) { return true }
            } else {
                if PathMatch.loose(first, request.literal) { return true }
                if PathMatch.loose(bytes(pattern.separatedStart, pattern.separatedCount), request.separated) { return true }
            }
        }
        return false
    }

    @inline(__always)
    private func bytes(_ start: UInt32, _ count: UInt32) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: patterns.start + Int(start), count: Int(count))
    }

    /// What happens to a connection before its content is known.
    func connection(_ host: HostView, port: UInt16) -> ConnectionDecision {
        if policy.mode == .none { return .settled(Decision(.deny, .closedMode)) }
        let number = number(of: host)
        var best = Best()
        forEachRule(number, port: port) { rule in
            if !rule.isConditional, rule.rank < best.rank { best.take(rule) }
        }
        let settled = best.decision ?? fallback(host, port: port)
        // A rule that looks at requests matters if it comes before what is decided for all of them, and differs.
        var mustInspect = false
        forEachRule(number, port: port) { rule in
            if rule.isConditional, rule.rank < best.rank, rule.action != settled.action { mustInspect = true }
        }
        return mustInspect ? .inspect : .settled(settled)
    }

    /// The denial of everything that some host gets.
    func denial(by number: UInt32, port: UInt16) -> Decision? {
        var best = Best()
        forEachRule(number, port: port) { rule in
            if rule.action == .deny, !rule.isConditional, rule.rank < best.rank { best.take(rule) }
        }
        return best.decision
    }

    private func forEachRule(_ number: UInt32, port: UInt16, _ body: (CompiledRule) -> Void) {
        var next = number
        while next != SuffixTable.none {
            let entry = hosts[Int(next)]
            for index in Int(entry.first)..<Int(entry.first + entry.count) where rules[index].covers(port) { body(rules[index]) }
            next = entry.wider
        }
    }

    /// The number of the narrowest pattern that covers the host.
    @inline(__always)
    private func number(of host: HostView) -> UInt32 {
        switch host.kind {
        case .name(let name): self.number(of: name)
        case .address(let address): self.host(of: address)
        }
    }

    private func number(of name: UnsafeRawBufferPointer) -> UInt32 {
        var found = SuffixTable.none
        var suffix = SuffixHash(name, seed: seed)
        while suffix.next() {
            let value = suffix.start > 0 ? suffixes.value(suffix, of: name) : names.value(suffix, of: name)
            if value != SuffixTable.none { found = value }
        }
        return found
    }

    /// The number of an address that rules write, by binary search.
    func host(of address: IPAddress) -> UInt32 {
        var low = 0
        var high = addresses.count
        while low < high {
            let middle = (low + high) / 2
            if addresses[middle].address < address.bits { low = middle + 1 } else { high = middle }
        }
        return low < addresses.count && addresses[low].address == address.bits ? addresses[low].host : SuffixTable.none
    }

    /// What happens to a host that no rule names.
    private func fallback(_ host: HostView, port: UInt16) -> Decision {
        switch policy.mode {
        case .none: return Decision(.deny, .closedMode)
        case .scoped: return Decision(.deny, host.isAddress ? .directAddress : .noRule)
        case .open:
            if host.isAddress { return Decision(.deny, .directAddress) }
            if port != 443, port != 80 { return Decision(.deny, .port) }
            return isLocal(host) ? Decision(.deny, .localName) : Decision(.allow, .openMode)
        }
    }

    /// Whether the name is not one of the internet, and `[network.hosts]` gives it no place either.
    private func isLocal(_ host: HostView) -> Bool {
        guard case .name(let bytes) = host.kind, HostName.isLocal(bytes) else { return false }
        return placed.isEmpty || !placed.contains(.name(HostName(normalised: String(decoding: bytes, as: UTF8.self))))
    }
}

/// The decision itself.
extension CompiledNetworkPolicy {
    /// The best rule so far.
    private struct Best {
        var rank = UInt32.max
        var action = NetworkRule.Action.deny

        @inline(__always)
        mutating func take(_ rule: UnsafePointer<CompiledRule>) { (rank, action) = (rule.pointee.rank, rule.pointee.action) }

        @inline(__always)
        var decision: Decision? { rank == .max ? nil : Decision(action, .rule(CompiledRule.index(rank))) }
    }

    /// Judges a connection whose content cannot be looked at.
    func decide(_ host: HostView, port: UInt16) -> Decision {
        if policy.mode == .none { return Decision(.deny, .closedMode) }
        return decideUnseen(number(of: host), port: port).decision ?? fallback(host, port: port)
    }

    /// Judges a request.
    @inline(__always)
    func decide(_ host: HostView, port: UInt16, method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer) -> Decision {
        if policy.mode == .none { return Decision(.deny, .closedMode) }
        let number = number(of: host)
        if number == SuffixTable.none { return fallback(host, port: port) }
        let best =
            names.hosts[Int(number)].looksAtRequests
            ? decideSeen(number, port: port, method: method, target: target) : decideUnseen(number, port: port)
        return best.decision ?? fallback(host, port: port)
    }

    /// The rule that decides when nothing is known of a request.
    @inline(__always)
    private func decideUnseen(_ number: UInt32, port: UInt16) -> Best {
        var best = Best()
        var next = number
        while next != SuffixTable.none {
            let entry = names.hosts.start + Int(next)
            var rule = rules.start + Int(entry.pointee.first)
            let end = rule + Int(entry.pointee.count)
            while rule < end, rule.pointee.rank < best.rank {
                if rule.pointee.covers(port), !rule.pointee.isConditional || rule.pointee.action != .allow { best.take(rule) }
                rule += 1
            }
            next = entry.pointee.wider
        }
        return best
    }

    private func decideSeen(_ number: UInt32, port: UInt16, method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer) -> Best {
        var request = RequestView(method: method, written: target)
        let best = judge(number, port: port, &request)
        return request.path == .unusual ? decideCarefully(number, port: port, &request) : best
    }

    /// Judges a request whose path is spelled in some unusual way, and looked at by a rule.
    @inline(never)
    private func decideCarefully(_ number: UInt32, port: UInt16, _ request: inout RequestView) -> Best {
        withUnsafeTemporaryAllocation(byteCount: 2 * PathReading.lengthLimit, alignment: 8) { buffer in
            let literal = UnsafeMutableRawBufferPointer(rebasing: buffer[..<PathReading.lengthLimit])
            let separated = UnsafeMutableRawBufferPointer(rebasing: buffer[PathReading.lengthLimit...])
            let path = UnsafeRawBufferPointer(rebasing: request.written[..<PathReading.pathCount(request.written)])
            if let counts = PathReading.read(path, literal: literal, separated: separated) {
                request.path = .readable
                request.literal = UnsafeRawBufferPointer(rebasing: literal[..<counts.literal])
                request.separated = UnsafeRawBufferPointer(rebasing: separated[..<counts.separated])
            } else {
                request.path = .ambiguous
            }
            return judge(number, port: port, &request)
        }
    }

    /// Finds the rule that decides. If the path turns out to be unusual, there is no answer yet.
    private func judge(_ number: UInt32, port: UInt16, _ request: inout RequestView) -> Best {
        var best = Best()
        var next = number
        while next != SuffixTable.none {
            let entry = names.hosts.start + Int(next)
            if entry.pointee.isIndexed {
                if request.path == .unread { request.readPlainPath() }
                if request.path == .unusual { return best }
                if request.path == .plain {
                    judgeIndexed(next, entry, port: port, &request, &best)
                    next = entry.pointee.wider
                    continue
                }
            }
            var rule = rules.start + Int(entry.pointee.first)
            let end = rule + Int(entry.pointee.count)
            while rule < end, rule.pointee.rank < best.rank {
                if fits(rule, port: port, &request) { best.take(rule) }
                if request.path == .unusual { return best }
                rule += 1
            }
            next = entry.pointee.wider
        }
        return best
    }

    /// The same for the rules of a host that has many with paths.
    private func judgeIndexed(
        _ number: UInt32, _ entry: UnsafePointer<CompiledHost>, port: UInt16, _ request: inout RequestView, _ best: inout Best
    ) {
        let first = Int(entry.pointee.pathlessFirst)
        let count = Int(entry.pointee.pathlessCount)
        if count > 0 { judge(first..<first &+ count, port: port, &request, &best) }
        var prefixes = pathTable.prefixes(of: request, number)
        while let prefix = prefixes.next() {
            switch pathTable.find(number, prefix.hash) {
            case .lone(let lone):
                let rule = UnsafeRawPointer(lone).assumingMemoryBound(to: CompiledRule.self)
                if rule.pointee.rank < best.rank, isMeant(rule, port: port, &request), LoneRule.matches(lone, request.literal) {
                    best.take(rule)
                }
            case .candidates(let candidates): judge(candidates, port: port, &request, &best)
            case nil: break
            }
        }
    }

    /// The same for some of them.
    @inline(never)
    private func judge(_ candidates: Range<Int>, port: UInt16, _ request: inout RequestView, _ best: inout Best) {
        for position in candidates {
            let rule = rules.start + Int(pathTable.candidates[position])
            if rule.pointee.rank >= best.rank { break }
            if fits(rule, port: port, &request) { best.take(rule) }
        }
    }

    /// Whether the rule is about this request; false also if the path turns out to be unusual.
    @inline(__always)
    private func fits(_ rule: UnsafePointer<CompiledRule>, port: UInt16, _ request: inout RequestView) -> Bool {
        guard isMeant(rule, port: port, &request) else { return false }
        if rule.pointee.pathCount == 0 { return true }
        if request.path == .unread { request.readPlainPath() }
        return request.path != .unusual && matches(rule, request)
    }

    /// Whether the rule is about this port and method.
    @inline(__always)
    private func isMeant(_ rule: UnsafePointer<CompiledRule>, port: UInt16, _ request: inout RequestView) -> Bool {
        guard rule.pointee.covers(port) else { return false }
        if rule.pointee.methods == .max { return true }
        if request.methodBits.exact == 0 { request.methodBits = methods.bits(of: request.method) }
        let bits = rule.pointee.action == .allow ? request.methodBits.exact : request.methodBits.folded
        return rule.pointee.methods & bits != 0
    }

    private func matches(_ rule: UnsafePointer<CompiledRule>, _ request: RequestView) -> Bool {
        if request.path == .ambiguous { return rule.pointee.action != .allow }
        let hasTwo = request.path == .readable
        for index in Int(rule.pointee.firstPath)..<Int(rule.pointee.firstPath) &+ Int(rule.pointee.pathCount) {
            if rule.pointee.action == .allow, !(paths.start + index).pointee.mayBegin(request.literal) { continue }
            let pattern = paths[index]
            let first = bytes(pattern.start, pattern.count)
            if rule.pointee.action == .allow {
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
            if !rule.pointee.isConditional, rule.pointee.rank < best.rank { best.take(rule) }
        }
        let settled = best.decision ?? fallback(host, port: port)
        // A rule that looks at requests matters if it comes before what is decided for all of them, and differs.
        var mustInspect = false
        forEachRule(number, port: port) { rule in
            if rule.pointee.isConditional, rule.pointee.rank < best.rank, rule.pointee.action != settled.action { mustInspect = true }
        }
        return mustInspect ? .inspect : .settled(settled)
    }

    /// The denial of everything that some host gets.
    func denial(by number: UInt32, port: UInt16) -> Decision? {
        var best = Best()
        forEachRule(number, port: port) { rule in
            if rule.pointee.action == .deny, !rule.pointee.isConditional, rule.pointee.rank < best.rank { best.take(rule) }
        }
        return best.decision
    }

    private func forEachRule(_ number: UInt32, port: UInt16, _ body: (UnsafePointer<CompiledRule>) -> Void) {
        var next = number
        while next != SuffixTable.none {
            let entry = names.hosts[Int(next)]
            for index in Int(entry.first)..<Int(entry.first + entry.count) where rules[index].covers(port) { body(rules.start + index) }
            next = entry.wider
        }
    }

    /// The number of the narrowest pattern that covers the host.
    @inline(__always)
    private func number(of host: HostView) -> UInt32 {
        switch host.kind {
        case .name(let name): names.narrowest(name)
        case .address(let address): self.host(of: address)
        }
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

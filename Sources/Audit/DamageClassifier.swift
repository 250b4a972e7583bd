import CoopErrors

/// Looks at the first line that does not continue the chain, and at what comes after it, to tell what was done.
struct DamageClassifier {
    let snapshot: LogSnapshot
    let key: ChainKey
    /// The file with the bad line.
    let file: LogSnapshot.File
    /// The last intact entry.
    let last: ChainPosition
    /// The number of the bad line.
    let line: UInt64

    /// - Parameter offset: where the bad line begins.
    func classify(at offset: UInt64) throws(CoopError) -> AuditDamage {
        var bad: LogLine?
        var isAuthentic = false
        var continues = false
        var hasIntact = false
        var number = 0
        let reader = LineReader(log: file.log, directory: snapshot.directory)
        let end = try reader.lines(in: offset..<file.size) { bytes, _ throws(CoopError) in
            let found = LogLine(bytes)
            let isIntact = found?.isAuthentic(bytes, key: key) == true
            if number == 0 {
                (bad, isAuthentic) = (found, isIntact)
                if isIntact { return false }
            } else if isIntact {
                hasIntact = true
                continues = found?.follows(last) == true
                return false
            }
            number += 1
            return number < 10_000
        }
        if case .partial(let place) = end, place == offset { return torn() }
        if isAuthentic, let bad { return try classify(authentic: bad) }
        if continues { return damage(.inserted, "a line that coop did not write; the chain goes on after it") }
        if !hasIntact, last.sequence == 0, snapshot.tip == nil, snapshot.synced == nil {
            return damage(.wrongKey, "no entry was written with this key")
        }
        if let tip = snapshot.tip, tip.position.sequence == last.sequence, tip.position.code == last.code {
            return damage(.inserted, "a line that coop did not write, after the last entry")
        }
        return damage(.edited, "entry \(last.sequence + 1) is not as coop wrote it")
    }

    private func torn() -> AuditDamage {
        let tip = snapshot.tip?.position.sequence ?? 0
        if file.log.number == snapshot.files.last?.log.number, tip > last.sequence {
            return damage(
                .truncated, "the file ends within a line; \(tip - last.sequence) entries are missing after entry \(last.sequence)")
        }
        return damage(.torn, "the file ends within a line, and it is not the last one or what it has was not written by coop")
    }

    /// The line is coop's own, but not the one that belongs here.
    private func classify(authentic bad: LogLine) throws(CoopError) -> AuditDamage {
        if bad.sequence <= last.sequence { return damage(.inserted, "entry \(bad.sequence) appears again") }
        if bad.sequence == last.sequence + 1 {
            return damage(.edited, "entry \(bad.sequence) continues another entry \(last.sequence): the log was put together from two")
        }
        // The entry that belongs here is somewhere else, or nowhere.
        for other in snapshot.files {
            var isFound = false
            _ = try LineReader(log: other.log, directory: snapshot.directory).lines(in: 0..<other.size) { bytes, _ throws(CoopError) in
                guard let found = LogLine(bytes), found.follows(last) else { return true }
                isFound = found.isAuthentic(bytes, key: key)
                return !isFound
            }
            if isFound { return damage(.reordered, "entry \(bad.sequence) is where entry \(last.sequence + 1) belongs") }
        }
        let count = bad.sequence - last.sequence - 1
        return damage(.deleted, "\(count) \(count == 1 ? "entry is" : "entries are") missing after entry \(last.sequence)")
    }

    private func damage(_ kind: AuditDamage.Kind, _ detail: String) -> AuditDamage {
        AuditDamage(kind: kind, file: file.name, line: line, detail: detail)
    }
}

import CoopErrors

/// Puts the verified parts of a log together, from the first entry to the tip, and names the first thing that is wrong.
struct ChainWalk {
    let snapshot: LogSnapshot
    let key: ChainKey
    private let boot: String

    init(snapshot: LogSnapshot, key: ChainKey, boot: String = TipRecord.currentBoot()) {
        self.snapshot = snapshot
        self.key = key
        self.boot = boot
    }

    func walk(_ units: [VerificationUnit], _ parts: [VerificationUnit.Result], into result: inout AuditVerification) throws(CoopError) {
        var position = ChainPosition.beginning
        var lines: UInt64 = 0
        for (unit, part) in zip(units, parts) {
            let file = snapshot.files[unit.file]
            if file.log.number != position.file {
                guard file.log.number == position.file + 1 else {
                    result.damage = AuditDamage(
                        kind: .deleted, file: AuditDirectory.logName(position.file + 1), detail: "the file is missing")
                    return
                }
                position.file = file.log.number
                position.offset = 0
                lines = 0
                guard file.size > 0 else {
                    let isExpected = (snapshot.tip?.position.sequence ?? 0) > position.sequence
                    result.damage = AuditDamage(kind: isExpected ? .truncated : .inserted, file: file.name, detail: "the file is empty")
                    return
                }
            }
            if let before = part.before, before.sequence != position.sequence || before.code != position.code {
                result.damage = try classifier(file, position, lines).classify(at: unit.range.lowerBound)
                return
            }
            if let after = part.after { position = after }
            lines += part.lines
            result.entries = position.sequence
            if let offset = part.badOffset {
                let isLast = unit.file == snapshot.files.count - 1
                if isLast, try isTorn(file, position, offset) {
                    result.notes.append(
                        "\(file.name) ends within a line, after entry \(position.sequence): a writer was killed or the machine stopped")
                    break
                }
                result.damage = try classifier(file, position, lines).classify(at: offset)
                return
            }
        }
        result.damage = try tipDamage(position, lines, &result.notes)
    }

    private func classifier(_ file: LogSnapshot.File, _ position: ChainPosition, _ lines: UInt64) -> DamageClassifier {
        DamageClassifier(snapshot: snapshot, key: key, file: file, last: position, line: lines + 1)
    }

    /// How far the log must reach: to the tip, or after a restart of the machine to the mark of what was on the disk.
    private var required: TipRecord? {
        guard let tip = snapshot.tip else { return nil }
        return tip.boot == boot ? tip : snapshot.synced
    }

    /// Whether what begins at `offset` is what a killed writer or a power failure leaves: it lies beyond what is required, and no intact
    /// line comes after it.
    private func isTorn(_ file: LogSnapshot.File, _ position: ChainPosition, _ offset: UInt64) throws(CoopError) -> Bool {
        guard let required, let tip = snapshot.tip, position.sequence >= required.position.sequence else { return false }
        var lineBreaks = 0
        var hasIntact = false
        _ = try LineReader(log: file.log, directory: snapshot.directory).lines(in: offset..<file.size) { bytes, _ throws(CoopError) in
            lineBreaks += 1
            hasIntact = LogLine(bytes)?.isAuthentic(bytes, key: key) == true
            return !hasIntact
        }
        return !hasIntact && (tip.boot != boot || lineBreaks == 0)
    }

    private func tipDamage(_ position: ChainPosition, _ lines: UInt64, _ notes: inout [String]) throws(CoopError) -> AuditDamage? {
        for (record, name) in [(snapshot.tip, AuditDirectory.Name.tip), (snapshot.synced, AuditDirectory.Name.synced)]
        where record == nil {
            guard snapshot.directory.exists(name) else {
                return AuditDamage(
                    kind: .truncated, file: name, detail: "the file is missing: whether entries are missing at the end cannot be told")
            }
            guard position.sequence > 0 else {
                return AuditDamage(kind: .wrongKey, file: name, detail: "the file was written with another key, or was edited")
            }
            return AuditDamage(kind: .edited, file: name, detail: "the file is not as coop wrote it")
        }
        guard let tip = snapshot.tip, let synced = snapshot.synced else { return nil }
        for record in [tip, synced] where record.position.sequence > position.sequence {
            let missing = record.position.sequence - position.sequence
            if record == tip, tip.boot != boot, synced.position.sequence <= position.sequence {
                notes.append(
                    "\(missing) entries after entry \(position.sequence) were not yet on the disk when the machine stopped; nobody was told "
                        + "that they were")
                continue
            }
            let name = AuditDirectory.logName(max(1, position.file))
            return AuditDamage(
                kind: .truncated, file: name, line: lines + 1,
                detail: "\(missing) \(missing == 1 ? "entry is" : "entries are") missing after entry \(position.sequence)")
        }
        if tip.position.sequence == position.sequence, tip.position.code != position.code {
            return AuditDamage(
                kind: .edited, file: AuditDirectory.logName(position.file), line: lines,
                detail: "entry \(position.sequence) is not the one that was written last")
        }
        return nil
    }
}

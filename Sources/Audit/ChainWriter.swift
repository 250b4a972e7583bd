import CoopErrors
import Glibc
import LinuxKernel

/// Puts entries at the end of the chain. All of it happens under the lock of the log.
struct ChainWriter {
    let files: ChainFiles
    private let limits: AuditLimits
    private let boot = TipRecord.currentBoot()
    private let encoder = EntryEncoder()
    /// The file that is written to.
    private var log: LogFile?
    /// Lines of the present batch; kept for its memory.
    private var lines: [UInt8] = []

    init(files: ChainFiles, limits: AuditLimits) {
        self.files = files
        self.limits = limits
    }

    /// Chains and writes a batch.
    ///
    /// - Returns: the position after it and the file that it is in.
    mutating func commit(_ batch: EncodedBatch) throws(CoopError) -> (ChainPosition, Descriptor) {
        try files.checkInPlace()
        var recovery = ChainRecovery(files: files, boot: boot, log: log)
        let found = try recovery.position()
        log = recovery.log
        var position = found.position
        var batch = batch
        if let entry = found.entry {
            var first = EncodedBatch()
            first.append(entry, encoder)
            first.append(batch)
            batch = first
        }
        if position.file == 0 || position.offset > 0 && position.offset + UInt64(batch.lineBytes) > UInt64(limits.fileSize) {
            position = try beginFile(after: position)
        }
        guard let log, log.number == position.file else {
            throw AuditFailure.replaced(files.directory.path(of: AuditDirectory.logName(position.file)))
        }
        try files.directory.checkInPlace(AuditDirectory.logName(log.number), log.descriptor)
        position = try write(batch, at: position, to: log.descriptor)
        try files.tip.write(TipRecord(position: position, boot: boot))
        return (position, log.descriptor)
    }

    private mutating func write(_ batch: EncodedBatch, at start: ChainPosition, to file: Descriptor) throws(CoopError) -> ChainPosition {
        lines.removeAll(keepingCapacity: true)
        lines.reserveCapacity(batch.lineBytes)
        var position = start
        var beginning = 0
        for end in batch.ends {
            position.sequence += 1
            position.code = LogLine.append(
                sequence: position.sequence, body: batch.bytes[beginning..<end], previous: position.code, key: files.key, to: &lines)
            beginning = end
        }
        position.offset += UInt64(lines.count)
        do {
            var done = 0
            while done < lines.count {
                WriteStep.pass()
                done += try check("write", files.directory.path(of: AuditDirectory.logName(start.file))) {
                    lines.withUnsafeBytes { bytes in
                        let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                        return pwrite(file.number, rest.baseAddress, WriteStep.share(of: rest.count), off_t(start.offset) + off_t(done))
                    }
                }
            }
        } catch {
            // What was written of it has been acknowledged to nobody. If even this fails, the next writer does it.
            _ = ftruncate(file.number, off_t(start.offset))
            throw AuditFailure.writing(error, directory: files.directory.path)
        }
        return position
    }

    /// Begins the next file. It gets its name when its first entry is on the disk, so it is never seen empty.
    private mutating func beginFile(after last: ChainPosition) throws(CoopError) -> ChainPosition {
        let directory = files.directory
        var details: [AuditDetail] = []
        if let log, last.file > 0 {
            try sync(log.descriptor, AuditDirectory.logName(last.file))
            details = [
                AuditDetail("previous", AuditDirectory.logName(last.file)), AuditDetail("bytes", last.offset),
                AuditDetail("mac", last.code.description),
            ]
        } else {
            details = [AuditDetail("format", 1)]
        }
        var batch = EncodedBatch()
        batch.append(AuditEntry(last.file == 0 ? .begin : .rotate, details: details), encoder)
        try directory.remove(AuditDirectory.Name.next)
        guard let file = try directory.open(AuditDirectory.Name.next, O_RDWR | O_CREAT | O_EXCL) else {
            throw AuditFailure.replaced(directory.path(of: AuditDirectory.Name.next))
        }
        var position = last
        position.file += 1
        position.offset = 0
        position = try write(batch, at: position, to: file)
        try sync(file, AuditDirectory.Name.next)
        try directory.rename(AuditDirectory.Name.next, to: AuditDirectory.logName(position.file))
        try directory.sync()
        log = LogFile(number: position.file, descriptor: file)
        return position
    }

    private func sync(_ file: Descriptor, _ name: String) throws(CoopError) {
        do {
            try check("fdatasync", files.directory.path(of: name)) { fdatasync(file.number) }
        } catch {
            throw AuditFailure.writing(error, directory: files.directory.path)
        }
    }
}

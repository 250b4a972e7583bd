import CoopErrors
import Glibc
import LinuxKernel

/// Finds the end of the chain, whatever a killed process or a power failure has left behind it.
///
/// - A process was killed between its lines and the tip: whole lines that continue the chain are adopted, and the beginning of a line
///   at the end of the file is cut off.
/// - The machine was restarted since the tip was written: the disk may hold less, so the mark `synced` counts. Lines beyond it that
///   continue the chain are adopted; what comes after them is put aside in a file `cut-…` and cut off.
/// - Everything else is an alteration. Nothing is written to such a log.
struct ChainRecovery {
    /// The end of the chain, and what the log has to say about how it was found.
    struct Found {
        var position: ChainPosition
        var entry: AuditEntry?
    }

    private let files: ChainFiles
    private let boot: String
    /// The file of the position.
    private(set) var log: LogFile?

    init(files: ChainFiles, boot: String, log: LogFile?) {
        self.files = files
        self.boot = boot
        self.log = log
    }

    mutating func position() throws(CoopError) -> Found {
        let tip = try files.tip.read()
        let isSameBoot = tip.boot == boot
        var position = isSameBoot ? tip.position : try files.mark.read().position
        try open(position.file)
        if let log {
            let size = try files.directory.size(of: log.descriptor, log.name)
            guard size >= position.offset else {
                throw AuditFailure.altered("\(files.directory.path(of: log.name).printable) was cut: entries at its end are missing")
            }
        }
        var cut: UInt64 = 0
        while true {
            if let log {
                let size = try files.directory.size(of: log.descriptor, log.name)
                if size > position.offset {
                    let tail = try LogTail(log, from: position.offset, in: files.directory)
                    position = tail.adopt(after: position, key: files.key)
                    cut = size - position.offset
                    if cut > 0 {
                        try putInOrder(tail, position, size: size, isSameBoot: isSameBoot)
                        break
                    }
                }
            }
            guard files.directory.exists(AuditDirectory.logName(position.file + 1)) else { break }
            position.file += 1
            position.offset = 0
            try open(position.file)
        }
        guard log == nil || position.offset > 0 else {
            throw AuditFailure.altered("\(files.directory.path(of: AuditDirectory.logName(position.file)).printable) is empty")
        }
        let lost = isSameBoot || tip.position.sequence <= position.sequence ? 0 : tip.position.sequence - position.sequence
        guard cut > 0 || lost > 0 else { return Found(position: position) }
        return Found(
            position: position,
            entry: AuditEntry(
                .recovery,
                details: [
                    AuditDetail("cause", isSameBoot ? "a writer was killed" : "the machine stopped"), AuditDetail("cutBytes", cut),
                    AuditDetail("lostEntries", lost),
                ]))
    }

    private mutating func open(_ number: UInt32) throws(CoopError) {
        guard number > 0 else { return log = nil }
        if log?.number == number { return }
        let name = AuditDirectory.logName(number)
        guard let file = try files.directory.open(name, O_RDWR) else {
            throw AuditFailure.altered("\(files.directory.path(of: name).printable) is missing")
        }
        log = LogFile(number: number, descriptor: file)
    }

    /// Cuts off what does not belong to the chain, if there is an innocent reason for it.
    private func putInOrder(_ tail: LogTail, _ position: ChainPosition, size: UInt64, isSameBoot: Bool) throws(CoopError) {
        guard let log else { return }
        let hasNext = files.directory.exists(AuditDirectory.logName(position.file + 1))
        guard !hasNext, isSameBoot ? tail.endsTorn(from: position.offset) : true else {
            throw AuditFailure.altered(
                "\(files.directory.path(of: log.name).printable) has bytes at \(position.offset) that coop did not write")
        }
        if !isSameBoot {
            let aside = "cut-\(log.name)-\(position.offset)"
            try files.directory.remove(aside)
            guard let copy = try files.directory.open(aside, O_WRONLY | O_CREAT | O_EXCL) else { return }
            do {
                try copy.writeAll(tail.bytes(from: position.offset), subject: files.directory.path(of: aside))
            } catch {
                throw AuditFailure.writing(error, directory: files.directory.path)
            }
        }
        do {
            try check("ftruncate", files.directory.path(of: log.name)) { ftruncate(log.descriptor.number, off_t(position.offset)) }
        } catch {
            throw AuditFailure.writing(error, directory: files.directory.path)
        }
    }
}

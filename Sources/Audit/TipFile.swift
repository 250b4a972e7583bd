import CoopErrors
import Glibc
import LinuxKernel

/// One of the two files that say where the log ends, held open.
struct TipFile: Sendable {
    let purpose: TipRecord.Purpose
    let descriptor: Descriptor
    private let directory: AuditDirectory
    private let key: ChainKey

    var name: String { purpose.rawValue }

    /// Opens the file; nil when there is none.
    init?(_ purpose: TipRecord.Purpose, in directory: AuditDirectory, key: ChainKey, flags: Int32 = O_RDWR) throws(CoopError) {
        guard let file = try directory.open(purpose.rawValue, flags) else { return nil }
        self.purpose = purpose
        self.directory = directory
        self.key = key
        descriptor = file
    }

    /// The record; nil when it is damaged.
    func readIfIntact() throws(CoopError) -> TipRecord? {
        var failure: SystemError?
        let record = withUnsafeTemporaryAllocation(byteCount: TipRecord.byteCount, alignment: 8) { buffer -> TipRecord? in
            do throws(SystemError) {
                let count = try check("read", directory.path(of: name)) {
                    pread(descriptor.number, buffer.baseAddress, buffer.count, 0)
                }
                return TipRecord(UnsafeRawBufferPointer(rebasing: buffer[0..<count]), purpose, key: key)
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw AuditFailure.system("cannot read the audit log", failure, directory: directory.path) }
        return record
    }

    /// - Throws: also when the record is damaged.
    func read() throws(CoopError) -> TipRecord {
        guard let record = try readIfIntact() else {
            throw AuditFailure.altered("\(directory.path(of: name).printable) is damaged, or was written with another key")
        }
        return record
    }

    func write(_ record: TipRecord) throws(CoopError) {
        do throws(SystemError) {
            let bytes = record.encoded(purpose, key: key)
            WriteStep.pass()
            let count = try check("write", directory.path(of: name)) {
                bytes.withUnsafeBytes { pwrite(descriptor.number, $0.baseAddress, $0.count, 0) }
            }
            guard count == bytes.count else { throw SystemError("write", directory.path(of: name), errno: ENOSPC) }
        } catch {
            throw AuditFailure.writing(error, directory: directory.path)
        }
    }
}

import CoopErrors
import Glibc
import LinuxKernel
import Synchronization

/// Reads a whole log and says whether it is as coop wrote it.
public struct AuditVerifier: Sendable {
    private let directory: String
    private let threads: Int
    private let unitSize: UInt64

    /// - Parameters:
    ///   - directory: `$COOP_HOME/audit`.
    ///   - threads: how many read at the same time; nil for one a processor, at most 8.
    public init(directory: String, threads: Int? = nil) { self.init(directory: directory, threads: threads, unitSize: 8 << 20) }

    init(directory: String, threads: Int?, unitSize: UInt64) {
        self.directory = directory
        self.threads = threads ?? min(8, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        self.unitSize = unitSize
    }

    /// Verifies what is in the log now. Writers go on meanwhile; what they add is left to the next time.
    ///
    /// - Throws: `CoopError` when the files cannot be read or are open to others. Damage is no error but the result.
    public func verify() throws(CoopError) -> AuditVerification {
        var result = AuditVerification(entries: 0, files: 0, bytes: 0, notes: [])
        guard let snapshot = try LogSnapshot(path: directory), !snapshot.isEmpty else { return result }
        result.files = snapshot.files.count
        result.bytes = snapshot.files.reduce(0) { $0 + $1.size }
        guard let key = snapshot.key else {
            result.damage = AuditDamage(kind: .wrongKey, file: AuditDirectory.Name.key, detail: "the key is missing")
            return result
        }
        let units = try split(snapshot)
        let parts = try run(units, snapshot, key: key)
        try ChainWalk(snapshot: snapshot, key: key).walk(units, parts, into: &result)
        return result
    }

    private func split(_ snapshot: LogSnapshot) throws(CoopError) -> [VerificationUnit] {
        var units: [VerificationUnit] = []
        for (index, file) in snapshot.files.enumerated() {
            let reader = LineReader(log: file.log, directory: snapshot.directory)
            var start: UInt64 = 0
            repeat {
                let end = try reader.beginning(after: min(start + unitSize, file.size), end: file.size)
                units.append(VerificationUnit(file: index, range: start..<max(start, end)))
                start = end
            } while start < file.size
        }
        return units
    }

    private func run(_ units: [VerificationUnit], _ snapshot: LogSnapshot, key: ChainKey) throws(CoopError) -> [VerificationUnit.Result] {
        let next = Atomic<Int>(0)
        let results = Mutex<[VerificationUnit.Result]>(Array(repeating: .init(), count: units.count))
        let failure = Mutex<CoopError?>(nil)
        ParallelWork.run(threads: min(threads, units.count)) {
            let key = key.separate()
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < units.count else { return }
                let unit = units[index]
                let reader = LineReader(log: snapshot.files[unit.file].log, directory: snapshot.directory)
                do throws(CoopError) {
                    let result = try unit.verify(reader, key: key)
                    results.withLock { $0[index] = result }
                } catch {
                    failure.withLock { $0 = error }
                    return
                }
            }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
        return results.withLock { $0 }
    }
}

import CoopErrors
import Glibc
import LinuxKernel

/// A file of a log that takes bytes, one after the other; events say which part of it is whose.
final class ByteFile {
    private let path: String
    private let file: Descriptor
    /// Where the bytes that events know end.
    private(set) var end: Int64 = 0
    private var isDirty = false

    /// Opens it, and makes it when there is none.
    init(_ path: String) throws(CoopError) {
        self.path = path
        do { file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600) } catch {
            throw EventLogFailure.error(error, path: path)
        }
    }

    /// Puts bytes behind those that events know. They count once `advance` has been called.
    func write(_ bytes: [UInt8]) throws(CoopError) {
        guard !bytes.isEmpty else { return }
        isDirty = true
        do {
            var done = 0
            while done < bytes.count {
                done += try check("pwrite", path) {
                    bytes.withUnsafeBytes { raw in
                        pwrite(file.number, raw.baseAddress.map { $0 + done }, raw.count - done, off_t(end) + off_t(done))
                    }
                }
            }
        } catch {
            discard()
            throw EventLogFailure.error(error, path: path)
        }
    }

    /// Takes away what no event will know: it must not be taken for a killed writer's. Where that fails too, a part of the output is shown
    /// twice, and the failure that led here is told.
    func discard() { _ = ftruncate(file.number, off_t(end)) }

    func advance(to end: Int64) { self.end = end }

    /// Waits until everything survives a power loss.
    func synchronize() throws(CoopError) {
        guard isDirty else { return }
        do { try check("fdatasync", path) { fdatasync(file.number) } } catch { throw EventLogFailure.error(error, path: path) }
        isDirty = false
    }

    /// Goes on where a writer that was killed has ended. Bytes that a power loss has taken become NULs, so that every offset stays right.
    ///
    /// - Parameter known: where the bytes that events know end.
    /// - Returns: how many bytes follow that no event knows.
    func recover(known: Int64) throws(CoopError) -> Int64 {
        end = known
        do {
            var status = stat()
            try check("fstat", path) { fstat(file.number, &status) }
            let size = Int64(status.st_size)
            if size < known { try check("ftruncate", path) { ftruncate(file.number, off_t(known)) } }
            return max(0, size - known)
        } catch {
            throw EventLogFailure.error(error, path: path)
        }
    }
}

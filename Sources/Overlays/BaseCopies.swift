import Glibc
import LinuxKernel

/// Copies of files as they were at the start, for those whose content nobody else keeps. One process writes at a time: the session's
/// supervisor, or whoever has adopted what it left.
struct BaseCopies: Sendable {
    private let contents: StoredContents
    /// An entry's number, and where its copy lies.
    private let listPath: String
    private static let recordSize = 20

    init(directory: String) {
        contents = StoredContents(path: FileSystem.join(directory, "contents"))
        listPath = FileSystem.join(directory, "copies")
    }

    /// What has been copied, by the number of the entry in the base.
    func read() throws(SystemError) -> [Int: StoredContents.Place] {
        guard try FileSystem.kindIfPresent(listPath, followLinks: false) == .file else { return [:] }
        let bytes = try FileSystem.read(listPath, limit: 1 << 30)
        var result: [Int: StoredContents.Place] = [:]
        bytes.withUnsafeBytes { raw in
            // A record that was being written when its writer was killed is none.
            for start in stride(from: 0, through: raw.count - BaseCopies.recordSize, by: BaseCopies.recordSize) {
                let index = Int(raw.loadUnaligned(fromByteOffset: start, as: UInt32.self))
                result[index] = StoredContents.Place(
                    offset: raw.loadUnaligned(fromByteOffset: start + 4, as: UInt64.self),
                    length: raw.loadUnaligned(fromByteOffset: start + 12, as: UInt64.self))
            }
        }
        return result
    }

    func open(_ place: StoredContents.Place) throws(SystemError) -> Descriptor { try contents.open(place) }

    /// Appends copies; what has been added counts once `save` has returned.
    final class Writer {
        private let copies: BaseCopies
        private let file: Descriptor
        private let list: Descriptor
        private var unsaved: [UInt8] = []
        /// Bytes copied so far.
        private(set) var total: UInt64 = 0

        init(_ copies: BaseCopies) throws(SystemError) {
            self.copies = copies
            file = try copies.contents.openForWriting()
            list = try Descriptor.open(copies.listPath, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            let size = lseek(list.number, 0, SEEK_END)
            // What a killed writer has left unfinished would move everything behind it.
            let whole = size - size % off_t(BaseCopies.recordSize)
            try check("ftruncate", copies.listPath) { ftruncate(list.number, whole) }
            lseek(list.number, 0, SEEK_END)
        }

        /// Copies the file that an entry describes, if it still is that file when it has been read.
        ///
        /// - Returns: whether it was.
        func add(_ index: Int, _ entry: BaseEntry, from source: Descriptor) throws(SystemError) -> Bool {
            let place: StoredContents.Place
            do throws(SystemError) { place = try copies.contents.append(source, length: entry.size, to: file) } catch {
                if error.errno == ESTALE || error.errno == EIO { return false }
                throw error
            }
            var status = stat()
            guard fstat(source.number, &status) == 0, entry.isSame(status) else { return false }
            withUnsafeBytes(of: UInt32(clamping: index)) { unsaved.append(contentsOf: $0) }
            withUnsafeBytes(of: place.offset) { unsaved.append(contentsOf: $0) }
            withUnsafeBytes(of: place.length) { unsaved.append(contentsOf: $0) }
            total += place.length
            return true
        }

        /// The contents are on the disk before they are listed.
        func save() throws(SystemError) {
            guard !unsaved.isEmpty else { return }
            try check("fdatasync", copies.contents.path) { fdatasync(file.number) }
            try list.writeAll(unsaved, subject: copies.listPath)
            unsaved = []
        }
    }
}

/// A place between two entries: everything before it is in the chain.
struct ChainPosition: Sendable, Equatable {
    /// The number of the file; 0 before the first one.
    var file: UInt32
    /// Bytes from the beginning of that file.
    var offset: UInt64
    /// The number of the last entry; 0 before the first one.
    var sequence: UInt64
    /// The code of the last entry.
    var code: MessageCode

    static let beginning = ChainPosition(file: 0, offset: 0, sequence: 0, code: .zero)
}

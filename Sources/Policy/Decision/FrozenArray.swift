/// Elements at one place in memory that are written once and read from any thread: without reference counts, exclusivity or
/// bounds checks, which would cost more than the decision itself.
struct FrozenArray<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
    // Sendable because nothing writes through the pointer after init.
    private let elements: UnsafeMutableBufferPointer<Element>

    init(_ source: some Collection<Element>) {
        // One element at least, so that there is always an address.
        let all = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(1, source.count))
        _ = all.initialize(from: source)
        elements = UnsafeMutableBufferPointer(rebasing: all[..<source.count])
    }

    deinit { elements.deallocate() }

    var count: Int { elements.count }

    /// The element; the index is one that the same compilation has made.
    @inline(__always)
    subscript(index: Int) -> Element {
        assert(index >= 0 && index < elements.count)
        return elements.baseAddress.unsafelyUnwrapped[index]
    }

    @inline(__always)
    var start: UnsafePointer<Element> { UnsafePointer(elements.baseAddress.unsafelyUnwrapped) }
}

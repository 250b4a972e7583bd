/// Counts what the process takes from the heap. The linker leads every call of malloc(3) and its relatives here
/// (`ld --wrap`), those of the Swift runtime included.
enum HeapCount {
    /// Blocks taken so far. The benchmark has one thread.
    nonisolated(unsafe) static var taken = 0
}

@_silgen_name("__real_malloc") private func realMalloc(_ size: Int) -> UnsafeMutableRawPointer?
@_silgen_name("__real_calloc") private func realCalloc(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer?
@_silgen_name("__real_realloc") private func realRealloc(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer?
@_silgen_name("__real_aligned_alloc") private func realAlignedAlloc(_ alignment: Int, _ size: Int) -> UnsafeMutableRawPointer?
@_silgen_name("__real_posix_memalign") private func realPosixMemalign(
    _ block: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
) -> Int32

@_cdecl("__wrap_malloc") func countedMalloc(_ size: Int) -> UnsafeMutableRawPointer? {
    HeapCount.taken &+= 1
    return realMalloc(size)
}

@_cdecl("__wrap_calloc") func countedCalloc(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    HeapCount.taken &+= 1
    return realCalloc(count, size)
}

@_cdecl("__wrap_realloc") func countedRealloc(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
    HeapCount.taken &+= 1
    return realRealloc(block, size)
}

@_cdecl("__wrap_aligned_alloc") func countedAlignedAlloc(_ alignment: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    HeapCount.taken &+= 1
    return realAlignedAlloc(alignment, size)
}

@_cdecl("__wrap_posix_memalign") func countedPosixMemalign(
    _ block: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
) -> Int32 {
    HeapCount.taken &+= 1
    return realPosixMemalign(block, alignment, size)
}

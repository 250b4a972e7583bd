import Glibc
import LinuxKernel
import Synchronization

/// A look through this process's own memory, for tests of what must not be left there.
public enum OwnMemory {
    /// How often a text stands in this process's writable memory. The text is put together from two halves, so that the search itself
    /// does not count.
    public static func occurrences(_ first: [UInt8], _ second: [UInt8]) throws -> Int {
        // Another look at the same time would find what this one has copied into its buffer.
        try looking.withLock { _ in try count(first, second) }
    }

    /// Whether a text comes to stand in this process's memory so many times. Other tests run beside it: their mappings come and go
    /// under the search, and what the allocator of another thread holds for a moment is no trace that stays.
    public static func holds(_ first: [UInt8], _ second: [UInt8], times: Int) throws -> Bool {
        // One look takes seconds where the memory is large and the processors are busy: the time alone would allow only one.
        for _ in 0..<8 where try Deadline.poll(seconds: 2, { try occurrences(first, second) == times }) { return true }
        return false
    }

    private static let looking = Mutex(())

    private static func count(_ first: [UInt8], _ second: [UInt8]) throws -> Int {
        let descriptor = open("/proc/self/mem", O_RDONLY)
        guard descriptor >= 0 else { throw SystemError("open", "/proc/self/mem") }
        defer { close(descriptor) }
        var count = 0
        let size = 1 << 20
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        defer {
            memset(buffer, 0, size)
            buffer.deallocate()
        }
        let own = UInt(bitPattern: buffer)..<UInt(bitPattern: buffer) + UInt(size)
        for line in try text("/proc/self/maps").split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count > 1, parts[1].hasPrefix("rw") else { continue }
            let bounds = parts[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard bounds.count == 2 else { continue }
            var address = bounds[0]
            while address < bounds[1] {
                if own.contains(address) {
                    address = own.upperBound
                    continue
                }
                let end = address < own.lowerBound ? min(bounds[1], own.lowerBound) : bounds[1]
                let wanted = min(size, Int(end - address))
                let got = pread(descriptor, buffer, wanted, Int(address))
                if got <= 0 {
                    // Gone since the list was read.
                    address += 4096
                    continue
                }
                var place = 0
                while got - place >= 24, let found = memchr(buffer + place, Int32(first[0]), got - place - 23) {
                    if memcmp(found, first, 12) == 0, memcmp(found + 12, second, 12) == 0 { count += 1 }
                    place = found - buffer + 1
                }
                address += UInt(got)
            }
        }
        return count
    }

    public static func text(_ path: String) throws -> String {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw SystemError("open", path) }
        defer { close(descriptor) }
        var result: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while case let count = read(descriptor, &piece, piece.count), count > 0 { result += piece[..<count] }
        return String(decoding: result, as: UTF8.self)
    }

    /// Random halves, so that no constant of the program holds them.
    public static func halves(of values: ClosedRange<UInt8> = 1...255) -> ([UInt8], [UInt8]) {
        ((0..<12).map { _ in UInt8.random(in: values) }, (0..<12).map { _ in UInt8.random(in: values) })
    }
}

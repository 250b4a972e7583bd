/// A path as the kernel tells it from others, by its bytes: to Swift two strings are equal that differ in their Unicode normalisation.
/// In order, what lies in a directory follows it directly.
package struct PathBytes: Hashable, Comparable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package static func == (left: PathBytes, right: PathBytes) -> Bool { left.path.utf8.elementsEqual(right.path.utf8) }

    package func hash(into hasher: inout Hasher) {
        var copy = path
        copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    package static func < (left: PathBytes, right: PathBytes) -> Bool {
        // The slash before every other byte.
        func rank(_ byte: UInt8) -> UInt8 { byte == UInt8(ascii: "/") ? 0 : byte }
        var first = left.path.utf8.makeIterator()
        var second = right.path.utf8.makeIterator()
        while true {
            switch (first.next(), second.next()) {
            case (nil, nil), (.some, nil): return false
            case (nil, .some): return true
            case (let one?, let other?): if one != other { return rank(one) < rank(other) }
            }
        }
    }
}

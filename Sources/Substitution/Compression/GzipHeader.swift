/// The head of a member of gzip data (RFC 1952, section 2.3), byte by byte.
struct GzipHeader {
    private enum Part { case fixed(Int), extraLength(Int), extra(Int), name, comment, check(Int) }

    private var part = Part.fixed(0)
    private var flags: UInt8 = 0
    private var extra = 0

    /// Takes the next byte; returns whether it was the last.
    mutating func take(_ byte: UInt8) throws(InflateError) -> Bool {
        switch part {
        case .fixed(let index):
            switch index {
            case 0 where byte != 0x1F, 1 where byte != 0x8B, 2 where byte != 8: throw InflateError("this is not gzip data")
            case 3:
                guard byte & 0xE0 == 0 else { throw InflateError("a gzip header with unknown flags") }
                flags = byte
            default: break
            }
            if index < 9 {
                part = .fixed(index + 1)
                return false
            }
            return advance(to: 4)
        case .extraLength(let index):
            extra |= Int(byte) << (8 * index)
            if index == 0 {
                part = .extraLength(1)
                return false
            }
            guard extra == 0 else {
                part = .extra(extra)
                return false
            }
            return advance(to: 8)
        case .extra(let left):
            part = .extra(left - 1)
            return left == 1 ? advance(to: 8) : false
        case .name: return byte == 0 ? advance(to: 16) : false
        case .comment: return byte == 0 ? advance(to: 2) : false
        case .check(let left):
            part = .check(left - 1)
            return left == 1
        }
    }

    /// Goes on with the first part that there is, from the one with this flag; returns whether there is none.
    private mutating func advance(to flag: UInt8) -> Bool {
        if flag == 4, flags & 4 != 0 {
            part = .extraLength(0)
        } else if flag == 4 || flag == 8, flags & 8 != 0 {
            part = .name
        } else if flag != 2, flags & 16 != 0 {
            part = .comment
        } else if flags & 2 != 0 {
            part = .check(2)
        } else {
            return true
        }
        return false
    }
}

import Glibc

/// A number for every different line of two texts, so that lines are compared by one instruction.
struct LineNumbers {
    private(set) var old: [Int32] = []
    private(set) var new: [Int32] = []
    /// How many different lines there are.
    private(set) var count = 0

    /// For each place of an open-addressed table the number of a line plus 1, or 0.
    private var table: [Int32]
    /// By number: the hash, and where such a line lies.
    private var hashes: [Int] = []
    private var places: [Range<Int>] = []
    /// By number, negative where the line lies in the second text.
    private var isSecond: [Bool] = []

    init(_ old: TextLines, _ oldLines: Range<Int>, _ new: TextLines, _ newLines: Range<Int>) {
        var capacity = 16
        while capacity < 2 * (oldLines.count + newLines.count) { capacity *= 2 }
        table = [Int32](repeating: 0, count: capacity)
        self.old.reserveCapacity(oldLines.count)
        self.new.reserveCapacity(newLines.count)
        old.bytes.withUnsafeBytes { first in
            new.bytes.withUnsafeBytes { second in
                for line in oldLines { self.old.append(number(old.span(line..<line + 1), first, isSecond: false, first)) }
                for line in newLines { self.new.append(number(new.span(line..<line + 1), second, isSecond: true, first)) }
            }
        }
        table = []
        hashes = []
        places = []
        isSecond = []
    }

    private mutating func number(
        _ place: Range<Int>, _ text: UnsafeRawBufferPointer, isSecond second: Bool, _ first: UnsafeRawBufferPointer
    ) -> Int32 {
        let line = UnsafeRawBufferPointer(rebasing: text[place])
        // The hash is keyed anew in every process: nobody can prepare lines that collide.
        var hasher = Hasher()
        hasher.combine(bytes: line)
        let hash = hasher.finalize()
        var slot = hash & (table.count - 1)
        while table[slot] != 0 {
            let known = Int(table[slot]) - 1
            if hashes[known] == hash, places[known].count == line.count {
                let other = UnsafeRawBufferPointer(rebasing: (isSecond[known] ? text : first)[places[known]])
                if let one = line.baseAddress, let two = other.baseAddress, memcmp(one, two, line.count) == 0 { return Int32(known) }
            }
            slot = (slot + 1) & (table.count - 1)
        }
        hashes.append(hash)
        places.append(place)
        isSecond.append(second)
        count += 1
        table[slot] = Int32(count)
        return Int32(count - 1)
    }
}

/// Punycode (RFC 3492) with the parameters of IDNA: international labels in ASCII.
enum Punycode {
    private static let base = 36
    private static let tMin = 1
    private static let tMax = 26
    private static let skew = 38
    private static let damp = 700
    private static let initialBias = 72
    private static let initialN = 128
    private static let delimiter = UInt8(ascii: "-")
    /// No label that fits into a name has more characters.
    private static let characterLimit = HostName.labelLimit

    /// The encoded form without `xn--`; nil when a number overflows, which takes more characters than a label has.
    static func encode(_ input: [Unicode.Scalar]) -> [UInt8]? {
        var output: [UInt8] = input.filter(\.isASCII).map { UInt8($0.value) }
        let basicCount = output.count
        var handled = basicCount
        if basicCount > 0 { output.append(delimiter) }
        var n = initialN
        var delta = 0
        var bias = initialBias
        while handled < input.count {
            guard let next = input.lazy.map({ Int($0.value) }).filter({ $0 >= n }).min() else { return nil }
            let (step, overflow) = (next - n).multipliedReportingOverflow(by: handled + 1)
            guard !overflow else { return nil }
            delta += step
            n = next
            for scalar in input {
                if scalar.value < n { delta += 1 }
                guard scalar.value == n else { continue }
                var q = delta
                var k = base
                while true {
                    let t = threshold(k, bias)
                    if q < t { break }
                    output.append(digit(t + (q - t) % (base - t)))
                    q = (q - t) / (base - t)
                    k += base
                }
                output.append(digit(q))
                bias = adapt(delta, handled + 1, isFirst: handled == basicCount)
                delta = 0
                handled += 1
            }
            delta += 1
            n += 1
        }
        return output
    }

    /// The characters of a label without `xn--`; nil when it is not punycode.
    static func decode(_ input: [UInt8]) -> [Unicode.Scalar]? {
        input.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: characterLimit) { output in
                decode(bytes, 0..<bytes.count, into: output).map { count in output[..<count].compactMap(Unicode.Scalar.init) }
            }
        }
    }

    /// Whether a lower-case label without `xn--` stands for at least one character above ASCII. Allocates nothing.
    static func isValid(_ input: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: characterLimit) { output in
            guard let count = decode(input, range, into: output) else { return false }
            return output[..<count].contains { $0 >= 0x80 }
        }
    }

    private static func decode(
        _ input: UnsafeRawBufferPointer, _ range: Range<Int>, into output: UnsafeMutableBufferPointer<UInt32>
    ) -> Int? {
        guard range.count <= output.count else { return nil }
        var count = 0
        var position = range.lowerBound
        if let last = input[range].lastIndex(of: delimiter) {
            // A delimiter stands only behind at least one basic character (RFC 3492, section 3.1).
            guard last > range.lowerBound else { return nil }
            for index in range.lowerBound..<last {
                guard input[index] < 0x80 else { return nil }
                output[count] = UInt32(input[index])
                count += 1
            }
            position = last + 1
        }
        let basicCount = count
        var n = initialN
        var i = 0
        var bias = initialBias
        while position < range.upperBound {
            let before = i
            var weight = 1
            var k = base
            while true {
                guard position < range.upperBound, let digit = value(input[position]) else { return nil }
                position += 1
                let (part, partOverflow) = digit.multipliedReportingOverflow(by: weight)
                let (sum, sumOverflow) = i.addingReportingOverflow(part)
                guard !partOverflow, !sumOverflow else { return nil }
                i = sum
                let t = threshold(k, bias)
                if digit < t { break }
                let (product, overflow) = weight.multipliedReportingOverflow(by: base - t)
                guard !overflow else { return nil }
                weight = product
                k += base
            }
            bias = adapt(i - before, count + 1, isFirst: count == basicCount)
            n += i / (count + 1)
            i %= count + 1
            guard count < output.count, n <= 0x10FFFF, let scalar = Unicode.Scalar(UInt32(n)) else { return nil }
            for index in stride(from: count, to: i, by: -1) { output[index] = output[index - 1] }
            output[i] = scalar.value
            count += 1
            i += 1
        }
        return count
    }

    private static func threshold(_ k: Int, _ bias: Int) -> Int { min(max(k - bias, tMin), tMax) }

    /// Section 6.1.
    private static func adapt(_ delta: Int, _ count: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / damp : delta / 2
        delta += delta / count
        var k = 0
        while delta > (base - tMin) * tMax / 2 {
            delta /= base - tMin
            k += base
        }
        return k + (base - tMin + 1) * delta / (delta + skew)
    }

    private static func digit(_ value: Int) -> UInt8 { UInt8(value < 26 ? value + 0x61 : value - 26 + 0x30) }

    private static func value(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x61...0x7A: Int(byte) - 0x61
        case 0x41...0x5A: Int(byte) - 0x41
        case 0x30...0x39: Int(byte) - 0x30 + 26
        default: nil
        }
    }
}

import TestSupport

extension SeededGenerator {
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[Int(next() % UInt64(elements.count))] }

    mutating func chance(_ of: UInt64) -> Bool { next() % of == 0 }
}

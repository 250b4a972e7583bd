/// A SQLite 3 database of a few small tables, each on one page, without indexes (sqlite.org/fileformat2.html).
///
/// Enough for a file that a program reads a handful of rows from, and no library to link for it.
struct SQLiteFile {
    enum Value {
        case null
        case integer(UInt32)
        case bytes([UInt8])
        case text(String)
    }

    struct Table {
        var name: String
        var columns: [String]
        var rows: [[Value]]
    }

    private static let pageSize = 4096
    private static let headerLength = 100

    /// The file; nil when the rows of a table do not fit on a page.
    static func make(_ tables: [Table]) -> [UInt8]? {
        let schema = tables.enumerated().map { index, table -> [Value] in
            let statement = "CREATE TABLE \(table.name) (\(table.columns.joined(separator: ", ")))"
            return [.text("table"), .text(table.name), .text(table.name), .integer(UInt32(index + 2)), .text(statement)]
        }
        guard var file = page(schema, offset: headerLength) else { return nil }
        file.replaceSubrange(0..<headerLength, with: header(pages: tables.count + 1))
        for table in tables {
            guard let page = page(table.rows, offset: 0) else { return nil }
            file += page
        }
        return file
    }

    private static func header(pages: Int) -> [UInt8] {
        var result = Array("SQLite format 3\0".utf8)
        // The page size; journal of the old kind for writing and reading; no reserved bytes; three fixed fractions.
        result += number(UInt32(pageSize), bytes: 2) + [1, 1, 0, 64, 32, 32]
        // Change counter, pages, no free pages (two fields), schema cookie, schema format 4.
        let fields: [UInt32] = [1, UInt32(pages), 0, 0, 1, 4]
        result += fields.flatMap { number($0, bytes: 4) }
        // Cache size, no largest root page, UTF-8, user version, no incremental vacuum, application.
        result += ([0, 0, 1, 0, 0, 0] as [UInt32]).flatMap { number($0, bytes: 4) }
        result += [UInt8](repeating: 0, count: 20)
        // The change counter once more, and the version of the library that wrote it.
        return result + number(1, bytes: 4) + number(3_040_000, bytes: 4)
    }

    /// A leaf of a table: cells from the end backwards, their places from the beginning.
    private static func page(_ rows: [[Value]], offset: Int) -> [UInt8]? {
        var result = [UInt8](repeating: 0, count: pageSize)
        var end = pageSize
        var pointers: [UInt8] = []
        for (index, row) in rows.enumerated() {
            let record = record(row)
            let cell = variable(record.count) + variable(index + 1) + record
            end -= cell.count
            // A record of more than this is continued on other pages.
            guard record.count <= pageSize - 35, end >= offset + 8 + 2 * rows.count else { return nil }
            result.replaceSubrange(end..<(end + cell.count), with: cell)
            pointers += number(UInt32(end), bytes: 2)
        }
        // 13: leaf of a table; no free block; cells; where they begin; no fragments.
        let head = [13, 0, 0] + number(UInt32(rows.count), bytes: 2) + number(UInt32(end), bytes: 2) + [0] + pointers
        result.replaceSubrange(offset..<(offset + head.count), with: head)
        return result
    }

    private static func record(_ row: [Value]) -> [UInt8] {
        var types: [UInt8] = []
        var values: [UInt8] = []
        for value in row {
            switch value {
            case .null: types += [0]
            case .integer(let integer):
                // 5: six bytes, which hold every unsigned number of four.
                types += [5]
                values += [0, 0] + number(integer, bytes: 4)
            case .bytes(let bytes):
                types += variable(2 * bytes.count + 12)
                values += bytes
            case .text(let text):
                types += variable(2 * text.utf8.count + 13)
                values += Array(text.utf8)
            }
        }
        // The length counts itself: one byte, or two from 127 on.
        let length = types.count + 1 < 128 ? types.count + 1 : types.count + 2
        return variable(length) + types + values
    }

    /// Seven bits a byte, the highest first; all but the last have their top bit set.
    private static func variable(_ value: Int) -> [UInt8] {
        var result = [UInt8(value & 0x7F)]
        var rest = value >> 7
        while rest > 0 {
            result.insert(UInt8(rest & 0x7F | 0x80), at: 0)
            rest >>= 7
        }
        return result
    }

    private static func number(_ value: UInt32, bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * (bytes - 1 - $0))) }
    }
}

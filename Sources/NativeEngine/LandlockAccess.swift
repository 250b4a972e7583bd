/// Rights of landlock(7), by the version of the interface that knows them.
enum LandlockAccess {
    static let execute: UInt64 = 1 << 0
    static let writeFile: UInt64 = 1 << 1
    static let readFile: UInt64 = 1 << 2
    static let readDirectory: UInt64 = 1 << 3
    static let makeCharacterDevice: UInt64 = 1 << 6
    static let makeRegularFile: UInt64 = 1 << 8
    static let makeBlockDevice: UInt64 = 1 << 11
    static let refer: UInt64 = 1 << 13
    static let truncate: UInt64 = 1 << 14
    static let controlDevice: UInt64 = 1 << 15

    static let scopeAbstractSockets: UInt64 = 1 << 0
    static let scopeSignals: UInt64 = 1 << 1

    /// The oldest version that coop uses: without `refer` (version 2) a file cannot be moved between directories.
    static let oldestVersion = 2

    /// Everything the given version can restrict but the making of regular files: what is written into one is opened for writing, and the
    /// kernel walks up to a rule for each right that it is asked for. That costs a new file as much as a system call.
    static func handled(version: Int) -> UInt64 {
        var bits = 13
        if version >= 2 { bits = 14 }
        if version >= 3 { bits = 15 }
        if version >= 5 { bits = 16 }
        return ((1 << UInt64(bits)) - 1) & ~makeRegularFile
    }

    /// Signals and abstract sockets across the sandbox's border, from version 6.
    static func scopes(version: Int) -> UInt64 { version >= 6 ? scopeAbstractSockets | scopeSignals : 0 }

    static let read = execute | readFile | readDirectory

    /// Everything but making device nodes.
    static func write(version: Int) -> UInt64 { handled(version: version) & ~(makeCharacterDevice | makeBlockDevice) }

    /// The rights that mean something for a single file.
    static func file(_ access: UInt64) -> UInt64 { access & (execute | writeFile | readFile | truncate | controlDevice) }
}

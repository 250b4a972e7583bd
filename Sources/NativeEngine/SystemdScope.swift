import CoopErrors
enum SystemdScope {
    static func isAvailable(user: UInt32) -> Bool { false }
    static func create(name: String, pid: Int32, timeoutMilliseconds: Int) throws(CoopError) -> String { "" }
}

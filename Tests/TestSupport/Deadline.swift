import Glibc

/// A point in time that a test waits for at most.
public struct Deadline: Sendable {
    private let end: ContinuousClock.Instant

    public init(seconds: Double) { end = .now + .seconds(seconds) }

    public var hasPassed: Bool { .now >= end }

    /// Looks again and again until `condition` holds or the deadline has passed.
    ///
    /// - Returns: whether it came to hold.
    @discardableResult
    public static func poll(seconds: Double, _ condition: () throws -> Bool) rethrows -> Bool {
        let deadline = Deadline(seconds: seconds)
        while try !condition() {
            guard !deadline.hasPassed else { return false }
            // The kernel has no event for what tests look at; five milliseconds are nothing beside a process start.
            Glibc.poll(nil, 0, 5)
        }
        return true
    }
}

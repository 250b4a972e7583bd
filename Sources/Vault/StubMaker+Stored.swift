import CoopErrors
import Substitution

extension StubMaker {
    private static let file = "stubs"

    /// A maker whose seed is kept in a directory, so that every sandbox of a project makes the same stubs. Sandboxes of a project share a
    /// HOME; stubs lie in an agent's files there, and whichever sandbox wrote them last, all of them must know what is in them.
    ///
    /// - Parameters:
    ///   - directory: of the project's own, mode 0700.
    ///   - makes: whether a seed is made where there is none; otherwise the stubs are for once.
    public static func stored(in directory: String, makes: Bool) throws(CoopError) -> StubMaker {
        guard let place = makes ? try PrivateDirectory.make(directory) : try PrivateDirectory.open(directory) else { return StubMaker() }
        if let seed = try seed(place) { return StubMaker(seed: seed) }
        guard makes else { return StubMaker() }
        return try place.locked { () throws(CoopError) in
            if let seed = try seed(place) { return StubMaker(seed: seed) }
            var generator = SystemRandomNumberGenerator()
            var bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
            try place.replace(file, with: bytes)
            return StubMaker(seed: SecretBytes(wiping: &bytes))
        }
    }

    private static func seed(_ place: PrivateDirectory) throws(CoopError) -> SecretBytes? {
        guard var bytes = try place.read(file, limit: 64), bytes.count == 32 else { return nil }
        return SecretBytes(wiping: &bytes)
    }
}

/// Why a credential cannot be put into a request. The request must then not be sent.
public struct InjectionError: Error, Sendable, Equatable {
    public enum Reason: Sendable, Equatable {
        /// The value holds characters that cannot stand in a header, cookie or path.
        case unsafeCharacters
        /// A field that should hold a credential cannot be read.
        case malformed
        /// The request is signed in a way that cannot be signed anew.
        case unsupportedSignature
        /// The signature was not made with the sandbox's keys.
        case wrongSignature
        /// The signature covers the body, which is larger than may be kept.
        case bodyTooLarge
    }

    public var reason: Reason
    /// What is wrong in words, without any value.
    public var detail: String

    public init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}

import NIOSSL

/// Makes client handlers whose verification is also shown every certificate of the chain.
protocol VerifyingHandlerMaking {
    static func make(context: NIOSSLContext, name: String?, verification: ChainVerification) throws -> NIOSSLClientHandler
}

/// The callback beside BoringSSL's own verification is deprecated in favour of one that replaces that verification
/// altogether. Replacing it is exactly what must not happen here; called through the protocol, the warning stays in this file.
enum VerifyingHandlers: VerifyingHandlerMaking {
    @available(*, deprecated, message: "call it through VerifyingHandlerMaking")
    static func make(context: NIOSSLContext, name: String?, verification: ChainVerification) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: context, serverHostname: name) { result, certificate in
            verification.judge(result, certificate)
        }
    }
}

import NIOHTTP2

/// What the gateway announces and bears on an HTTP/2 connection. Extended CONNECT (RFC 8441) is not announced, and push is off.
enum HTTP2Parameters {
    /// Bytes of one stream that may be in memory.
    private static let streamWindow = 256 << 10

    static func connection(_ limits: MessageLimits, isServer: Bool) -> NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: isServer ? limits.streams : 0),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.head),
            HTTP2Setting(parameter: .initialWindowSize, value: streamWindow),
        ]
        if !isServer { configuration.initialSettings.append(HTTP2Setting(parameter: .enablePush, value: 0)) }
        // Field blocks are judged here, where a refusal can be explained and does not end the connection.
        configuration.headerBlockValidation = .disabled
        configuration.targetWindowSize = 4 * streamWindow
        return configuration
    }

    /// Whether an error that the connection's pipeline reports concerns one stream only, which has been reset already.
    static func isStreamError(_ error: any Error) -> Bool {
        error is NIOHTTP2Errors.StreamError || error is NIOHTTP2Errors.StreamClosed || error is NIOHTTP2Errors.NoSuchStream
            || isLengthError(error)
    }

    /// Whether a `Content-Length` is malformed or not the body's length.
    static func isLengthError(_ error: any Error) -> Bool {
        error is NIOHTTP2Errors.ContentLengthViolated || error is NIOHTTP2Errors.ContentLengthHeadersMismatch
            || error is NIOHTTP2Errors.ContentLengthHeaderNegative || error is NIOHTTP2Errors.ContentLengthHeaderMalformedValue
    }

    static var stream: NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        configuration.targetWindowSize = streamWindow
        configuration.outboundBufferSizeHighWatermark = 128 << 10
        configuration.outboundBufferSizeLowWatermark = 64 << 10
        return configuration
    }
}

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
        configuration.targetWindowSize = 4 * streamWindow
        return configuration
    }

    static var stream: NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        configuration.targetWindowSize = streamWindow
        configuration.outboundBufferSizeHighWatermark = 128 << 10
        configuration.outboundBufferSizeLowWatermark = 64 << 10
        return configuration
    }
}

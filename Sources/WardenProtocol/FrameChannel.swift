// Whoever speaks this protocol also reads and writes its wire form.
@_exported import FrameTransport

/// One end of a stream of frames between the supervisor and the warden.
public typealias FrameChannel = MessageChannel<Frame, Frame>

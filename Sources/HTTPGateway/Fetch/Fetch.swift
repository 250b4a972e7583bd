import LinuxKernel
import NIOCore
import NIOHTTP1
import Substitution

/// Sends one request over a connected socket and gathers the whole answer, with everything that holds for a sandbox's requests: the
/// server's certificate is verified, heads and bodies are bounded. Redirects are not followed.
///
/// It is the client's side of an ordinary exchange, so that HTTP is read in one place only.
final class Fetch: ClientSide {
    private let request: FetchRequest
    private let limits: MessageLimits
    private let promise: EventLoopPromise<JudgeResponse>
    // The exchange knows its client weakly: it is kept here until the answer is complete.
    private var exchange: Exchange?
    private var head: ResponseHead?
    private var body = ByteBuffer()
    private var isBodySent = false
    private var failure: String?

    /// - Parameters:
    ///   - socket: connected, with nothing sent on it.
    ///   - roots: certificates that the server's is verified with, DER or PEM.
    /// - Returns: a future that fails with `FetchFailure` when there is no whole answer.
    static func send(
        _ request: FetchRequest, over socket: Descriptor, roots: [[UInt8]], limits: MessageLimits = .init(), on eventLoop: any EventLoop
    ) -> EventLoopFuture<JudgeResponse> {
        let promise = eventLoop.makePromise(of: JudgeResponse.self)
        eventLoop.execute {
            let fetch = Fetch(request, limits: limits, promise)
            let bound = NIOLoopBound(fetch, eventLoop: eventLoop)
            do {
                let context = try LoopContext(
                    eventLoop: eventLoop, authority: nil, roots: roots, limits: limits, judge: Allowing(eventLoop: eventLoop),
                    dialer: Connected(eventLoop: eventLoop, socket: socket), transforms: nil
                ) { incident in
                    // Told on this event loop, before the exchange answers its client.
                    bound.value.failure = incident.detail
                }
                fetch.start(context)
            } catch { promise.fail(FetchFailure(reason: "a root certificate cannot be read")) }
        }
        return promise.futureResult
    }

    private init(_ request: FetchRequest, limits: MessageLimits, _ promise: EventLoopPromise<JudgeResponse>) {
        self.request = request
        self.limits = limits
        self.promise = promise
    }

    private func start(_ context: LoopContext) {
        let head = RequestHead(
            method: request.method, scheme: request.server.scheme, authority: request.server.authority, path: request.path,
            headers: request.headers)
        let incoming = IncomingRequest(
            head: head, framing: request.body.isEmpty ? .none : .length(UInt64(request.body.count)), keepAlive: false,
            acceptsTrailers: false, expectsContinue: false)
        let exchange = Exchange(incoming, on: request.server, client: self, context: context)
        self.exchange = exchange
        if !incoming.hasBody { exchange.receiveEnd(nil) }
        exchange.start()
    }

    private func finish(_ result: Result<JudgeResponse, FetchFailure>) {
        guard exchange != nil else { return }
        exchange = nil
        promise.completeWith(result.mapError { $0 })
    }

    // MARK: ClientSide

    var isWritable: Bool { true }
    func sendInformational(_ head: ResponseHead) {}

    func sendHead(_ head: ResponseHead, framing: BodyFraming, switchesToWebSocket: Bool) { self.head = head }

    func sendBody(_ bytes: ByteBuffer) {
        guard body.readableBytes + bytes.readableBytes <= limits.fetchedBody else {
            let exchange = self.exchange
            finish(.failure(FetchFailure(reason: "the answer is too large")))
            exchange?.clientGone()
            return
        }
        body.writeImmutableBuffer(bytes)
    }

    func sendEnd(_ trailers: HTTPHeaders?) {
        if let failure { return finish(.failure(FetchFailure(reason: failure))) }
        guard let head else { return finish(.failure(FetchFailure(reason: "the answer has no head"))) }
        finish(.success(JudgeResponse(head: head, body: body)))
    }

    func flush() {}

    func resumeBody() {
        guard let exchange, exchange.acceptsBody, !isBodySent, !request.body.isEmpty else { return }
        isBodySent = true
        exchange.receiveBody(ByteBuffer(bytes: request.body))
        exchange.receiveEnd(nil)
        exchange.requestFlush()
    }

    func abort() { finish(.failure(FetchFailure(reason: failure ?? "the answer is not complete"))) }
}

/// What coop asks for itself needs nobody's leave.
private struct Allowing: RequestJudge {
    let eventLoop: any EventLoop

    func judge(_ request: RequestHead, on connection: ConnectionInfo) -> EventLoopFuture<Verdict> {
        eventLoop.makeSucceededFuture(.allow([]))
    }

    /// Nothing is ever waited for.
    func abandon(_ request: RequestHead, on connection: ConnectionInfo) {}

    func answer(_ request: RequestHead, body: ByteBuffer, on connection: ConnectionInfo) -> EventLoopFuture<JudgeResponse> {
        eventLoop.makeFailedFuture(FetchFailure(reason: "nothing is collected"))
    }

    func renew(_ request: RequestHead, rejected: Injection, on connection: ConnectionInfo) -> EventLoopFuture<[Injection]?> {
        eventLoop.makeSucceededFuture(nil)
    }
}

/// The one socket that there is.
private struct Connected: UpstreamDialer {
    let eventLoop: any EventLoop
    let socket: Descriptor

    func dial(_ connection: ConnectionInfo) -> EventLoopFuture<Descriptor> { eventLoop.makeSucceededFuture(socket) }
}

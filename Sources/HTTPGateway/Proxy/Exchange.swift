import NIOCore
import NIOHTTP1
import Substitution

/// One request and its response: judged, changed, and carried between a client's side and an upstream's side.
///
/// It knows no protocol. Both sides pause their peer when the other is full, so nothing but what is in flight is in memory.
final class Exchange {
    enum State {
        case judging
        case dialing
        /// The body is read for the judge, who then answers.
        case collecting, answering
        /// The request goes up, the response comes down.
        case streaming
        /// The upstream has refused the credential; the judge is asked for another one.
        case renewing
        case finished
    }

    let request: IncomingRequest
    let connection: ConnectionInfo
    let context: LoopContext
    weak var client: (any ClientSide)?
    var upstream: (any UpstreamSide)?
    var state = State.judging
    var head: RequestHead
    private var transforms: (any ExchangeTransforms)?
    private var requestTransform: (any BodyTransform)?
    private var responseTransform: (any BodyTransform)?
    /// A body that is held until its end.
    private var heldBody: HeldBody?
    /// After a handshake whose messages are looked through.
    private var isReadingMessages = false
    /// The body, while it is read for the judge.
    var collected = ByteBuffer()
    /// What is needed to send the request once more.
    var renewal: CredentialRenewal?
    var requestEnded = false
    private var responseBegun = false
    private var hasRetried = false

    init(_ request: IncomingRequest, on connection: ConnectionInfo, client: any ClientSide, context: LoopContext) {
        self.request = request
        self.connection = connection
        self.client = client
        self.context = context
        head = request.head
    }

    /// Asks the judge. Everything else follows from the answer.
    func start() {
        context.judge.judge(request.head, on: connection).hop(to: context.eventLoop).assumeIsolated().whenComplete { result in
            guard self.state == .judging else { return }
            switch result {
            case .success(.allow(let injections)): self.allowed(injections)
            case .success(.deny(let denial)): self.refuse(Refusal(denial, for: self.request.head))
            case .success(.collect): self.collect()
            case .failure:
                self.context.report(.judge, "no verdict", on: self.connection)
                self.refuse(Refusal(Denial(rule: "no verdict", reason: "the request could not be judged"), for: self.request.head))
            }
        }
    }

    // MARK: The client's side

    /// Whether the request's body may be given now.
    var acceptsBody: Bool {
        switch state {
        case .judging, .dialing, .answering, .renewing: false
        case .collecting: true
        case .streaming: upstream?.isWritable ?? true
        case .finished: true
        }
    }

    func receiveBody(_ bytes: ByteBuffer) {
        if state == .collecting {
            guard collected.readableBytes + bytes.readableBytes <= context.limits.collectedBody else {
                return refuse(Refusal(status: 413, kind: .oversized, reason: "the request's body is too large", for: request.head))
            }
            collected.writeImmutableBuffer(bytes)
            return
        }
        guard state == .streaming, let upstream else { return }
        renewal?.append(bytes)
        guard requestTransform != nil || heldBody != nil else { return upstream.sendBody(bytes) }
        do {
            guard let requestTransform else { return try sendTransformed(bytes) }
            var output = context.allocate(bytes.readableBytes)
            try requestTransform.feed(bytes, into: &output)
            try sendTransformed(output)
        } catch { refuseTransform(error) }
    }

    func receiveEnd(_ trailers: HTTPHeaders?) {
        requestEnded = true
        if state == .collecting { return askForAnswer() }
        guard state == .streaming, let upstream else { return }
        do {
            if let trailers {
                renewal?.giveUp()
                try transforms?.checkRequestTrailers(trailers)
            }
            if let requestTransform {
                var output = context.allocate(256)
                try requestTransform.finish(into: &output)
                try sendTransformed(output)
            }
            if let heldBody, let transforms, transforms.signsBody {
                try transforms.signBody(heldBody.bytes, &head)
                try checkHead()
            }
        } catch { return refuseTransform(error) }
        if let body = heldBody?.bytes {
            heldBody?.drop()
            heldBody = nil
            upstream.begin(self, head: head, framing: .length(UInt64(body.readableBytes)), acceptsTrailers: request.acceptsTrailers)
            if body.readableBytes > 0 { upstream.sendBody(body) }
        }
        upstream.sendEnd(trailers)
        upstream.flush()
    }

    /// What was received has been handed over.
    func requestFlush() { if heldBody == nil, state == .streaming { upstream?.flush() } }

    /// The client is gone: nobody waits for the response.
    func clientGone() {
        if state == .judging { context.judge.abandon(request.head, on: connection) }
        state = .finished
        let upstream = self.upstream
        self.upstream = nil
        upstream?.abandon()
        dropTransforms()
    }

    func clientWritabilityChanged() { if client?.isWritable ?? false { upstream?.resumeBody() } }

    // MARK: The upstream's side

    /// Whether the response's body may be given now.
    var acceptsResponse: Bool { state != .renewing && client?.isWritable ?? true }

    func upstreamWritabilityChanged() { if upstream?.isWritable ?? false { client?.resumeBody() } }

    func receiveInformational(_ response: ResponseHead) {
        guard state == .streaming, !responseBegun else { return }
        var response = response
        do { try transforms?.transformResponseHead(&response) } catch { return refuseTransform(error) }
        client?.sendInformational(response)
        client?.flush()
    }

    func receiveHead(_ response: IncomingResponse) {
        guard state == .streaming, !responseBegun else { return }
        if response.head.status == 401, requestEnded, let renewal = renewal?.begin() { return renew(renewal, instead: response) }
        renewal?.giveUp()
        var head = response.head
        var framing = response.framing
        do {
            try transforms?.transformResponseHead(&head)
            if framing != .none, !response.switchesToWebSocket { responseTransform = transforms?.responseBody(for: head) }
        } catch { return refuseTransform(error) }
        guard FieldSyntax.areValid(head.headers) else {
            return upstreamFailed(UpstreamFailure(kind: .smuggling, reason: "the response has a malformed field"))
        }
        if transforms?.readsResponse == true {
            if framing == .none { head.headers.remove(name: "content-length") }
            if let transform = responseTransform {
                guard let reader = DecodedBody.reader(of: &head, transform) else {
                    return upstreamFailed(
                        UpstreamFailure(
                            kind: .upstream,
                            reason: "the response is encoded although identity was asked for, and cannot be searched for secrets"))
                }
                responseTransform = reader
            }
        }
        if let responseTransform, !responseTransform.preservesLength, case .length = framing {
            framing = .stream
            for name in ["content-md5", "digest", "content-digest", "repr-digest"] { head.headers.remove(name: name) }
        }
        if response.switchesToWebSocket, let transforms, transforms.readsMessages {
            guard head.headers["sec-websocket-extensions"].isEmpty else {
                return upstreamFailed(
                    UpstreamFailure(kind: .upstream, reason: "the host uses a WebSocket extension although none was offered"))
            }
            requestTransform = OutgoingFrames(messages: transforms.outgoingMessages(), controls: transforms.outgoingMessages())
            responseTransform = IncomingFrames(messages: transforms.incomingMessages(), controls: transforms.incomingMessages())
            isReadingMessages = true
        }
        responseBegun = true
        client?.sendHead(head, framing: framing, switchesToWebSocket: response.switchesToWebSocket)
    }

    func receiveResponseBody(_ bytes: ByteBuffer) {
        guard state == .streaming else { return }
        guard let responseTransform else {
            client?.sendBody(bytes)
            return
        }
        do {
            var output = context.allocate(bytes.readableBytes)
            try responseTransform.feed(bytes, into: &output)
            if output.readableBytes > 0 { client?.sendBody(output) }
        } catch { refuseTransform(error) }
    }

    func receiveResponseEnd(_ trailers: HTTPHeaders?) {
        guard state == .streaming else { return }
        var trailers = trailers
        if var changed = trailers {
            transforms?.transformResponseTrailers(&changed)
            trailers = changed
        }
        do {
            if let responseTransform {
                var output = context.allocate(256)
                try responseTransform.finish(into: &output)
                if output.readableBytes > 0 { client?.sendBody(output) }
            }
        } catch { return refuseTransform(error) }
        state = .finished
        upstream = nil
        dropTransforms()
        client?.sendEnd(trailers)
        client?.flush()
        // The rest of a body that nobody reads any more.
        if !requestEnded { client?.resumeBody() }
    }

    func responseFlush() { client?.flush() }

    func upstreamFailed(_ failure: UpstreamFailure) {
        if state == .renewing { upstream = nil }
        guard state == .streaming || state == .dialing else { return }
        let previous = upstream
        upstream = nil
        let mayBeStale = state == .dialing || previous?.isReused == true
        if failure.isSilentClose, mayBeStale, !responseBegun, !hasRetried, canBeSentAgain {
            // An idle connection that the upstream closed while the request was on its way (RFC 9112 §9.3.1).
            hasRetried = true
            return dial(fresh: true)
        }
        previous?.abandon()
        context.report(failure.kind, failure.reason, on: connection)
        if responseBegun {
            state = .finished
            dropTransforms()
            client?.abort()
        } else {
            refuse(Refusal(status: failure.status, kind: failure.kind, reason: failure.reason, for: request.head))
        }
    }

    // MARK: Inside

    private var canBeSentAgain: Bool {
        if request.hasBody { return false }
        switch head.method {
        case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE": return true
        default: return false
        }
    }

    func allowed(_ injections: [Injection]) {
        do {
            let used = try InjectionApplier.apply(injections, to: &head)
            if renewal == nil { renewal = CredentialRenewal(injections, used: used, context) }
            transforms = context.transforms?.transforms(for: request.head, injections: injections, on: connection)
            try transforms?.transformRequestHead(&head)
            if transforms?.readsResponse == true { head.headers.replaceOrAdd(name: "Accept-Encoding", value: "identity") }
            if head.kind == .webSocket, transforms?.readsMessages == true { head.headers.remove(name: "Sec-WebSocket-Extensions") }
            if request.hasBody {
                requestTransform = try transforms?.requestBody(for: head)
            } else if transforms?.signsBody == true {
                try transforms?.signBody(ByteBuffer(), &head)
            }
            try checkHead()
        } catch let refusal as TransformRefusal {
            context.report(refusal.kind, refusal.detail ?? refusal.denial.reason, on: connection)
            return refuse(Refusal(refusal.denial, for: request.head))
        } catch {
            let reason = (error as? InjectionError)?.detail ?? (error as? MessageError)?.detail ?? "the request could not be prepared"
            context.report(.judge, reason, on: connection)
            return refuse(Refusal(Denial(rule: "grant", reason: reason), for: request.head))
        }
        dial(fresh: renewal?.hasBegun ?? false)
    }

    /// What was put in must leave the head well-formed.
    private func checkHead() throws {
        guard FieldSyntax.areValid(head.headers) else { throw InjectionError(.unsafeCharacters, "a field is malformed after injection") }
        head.path = try RequestTarget.normalised(head.path, method: head.method)
    }

    // MARK: Upstream

    private func dial(fresh: Bool) {
        state = .dialing
        // A connection that has been idle may be closing. A request that cannot be sent twice does not take one.
        context.pool.acquire(
            for: connection, offersHTTP2: request.head.version == .http2 && request.head.kind != .webSocket,
            freshness: fresh ? .new : canBeSentAgain ? .any : .recent
        ) { result in
            switch result {
            case .success(let side):
                if self.state == .dialing { self.begin(side) } else { side.release() }
            case .failure(let failure): self.upstreamFailed(failure)
            }
        }
    }

    private func begin(_ side: any UpstreamSide) {
        upstream = side
        state = .streaming
        var framing = request.framing
        if holdsBody {
            heldBody = HeldBody(context)
            if sendAgain() { return }
            if request.expectsContinue {
                // The upstream cannot be asked before it knows the length.
                head.headers.remove(name: "expect")
                client?.sendInformational(ResponseHead(status: 100))
                client?.flush()
            }
            client?.resumeBody()
            return
        }
        if let requestTransform, !requestTransform.preservesLength { framing = .stream }
        side.begin(self, head: head, framing: framing, acceptsTrailers: request.acceptsTrailers)
        if sendAgain() { return }
        if requestEnded { side.sendEnd(nil) }
        side.flush()
        if !requestEnded { client?.resumeBody() }
    }

    /// Whether the body is held until its end: it has a new length, or a signature in the head covers it.
    private var holdsBody: Bool {
        guard request.hasBody else { return false }
        if transforms?.signsBody == true { return true }
        guard let requestTransform, !requestTransform.preservesLength, case .length(let length) = request.framing else { return false }
        return length <= UInt64(context.limits.heldBody)
    }

    private func sendTransformed(_ output: ByteBuffer) throws {
        guard output.readableBytes > 0 else { return }
        if let heldBody { try heldBody.append(output) } else { upstream?.sendBody(output) }
    }

    private func refuseTransform(_ error: any Error) {
        let refusal =
            error as? TransformRefusal
            ?? (error as? InjectionError).map { TransformRefusal(kind: .judge, denial: Denial(rule: "grant", reason: $0.detail)) }
            ?? TransformRefusal(kind: .malformed, denial: Denial(rule: "transform", reason: "the message could not be read"))
        context.report(refusal.kind, refusal.detail ?? refusal.denial.reason, on: connection)
        let upstream = self.upstream
        self.upstream = nil
        upstream?.abandon()
        if isReadingMessages {
            state = .finished
            dropTransforms()
            client?.sendBody(WebSocketFrame.closing(error is TransformRefusal ? .policyViolation : .protocolError, refusal.denial.reason))
            client?.sendEnd(nil)
        } else if responseBegun {
            state = .finished
            dropTransforms()
            client?.abort()
        } else {
            refuse(Refusal(refusal.denial, for: request.head))
        }
    }

    func refuse(_ refusal: Refusal) { answer(refusal.head, ByteBuffer(string: refusal.body)) }

    func answer(_ head: ResponseHead, _ body: ByteBuffer) {
        state = .finished
        responseBegun = true
        dropTransforms()
        guard let client else { return }
        let isBodiless = body.readableBytes == 0 || request.head.method == "HEAD"
        client.sendHead(
            head, framing: isBodiless ? .none : .length(UInt64(body.readableBytes)), switchesToWebSocket: false)
        if !isBodiless { client.sendBody(body) }
        client.sendEnd(nil)
        client.flush()
        if !requestEnded { client.resumeBody() }
    }

    func dropTransforms() {
        transforms = nil
        requestTransform = nil
        responseTransform = nil
        heldBody?.drop()
        heldBody = nil
        collected = ByteBuffer()
        renewal?.giveUp()
    }
}

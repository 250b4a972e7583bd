import NIOCore
import NIOHTTP1
import Substitution

/// What the judge answers besides a verdict: the response to a request that does not leave, and another credential for one that a host
/// has refused.
extension Exchange {
    func collect() {
        state = .collecting
        if requestEnded { return askForAnswer() }
        if request.expectsContinue {
            client?.sendInformational(ResponseHead(status: 100))
            client?.flush()
        }
        client?.resumeBody()
    }

    func askForAnswer() {
        state = .answering
        let body = collected
        collected = ByteBuffer()
        context.judge.answer(request.head, body: body, on: connection).hop(to: context.eventLoop).assumeIsolated().whenComplete { result in
            guard self.state == .answering else { return }
            switch result {
            case .success(let response): self.answer(response.head, response.body)
            case .failure:
                self.refuse(Refusal(status: 502, kind: .judge, reason: "nobody has answered the request", for: self.request.head))
            }
        }
    }

    /// Asks for another credential. Until there is one the response waits where it is; if there is none, it is the client's.
    func renew(_ rejected: Injection, instead response: IncomingResponse) {
        state = .renewing
        context.judge.renew(request.head, rejected: rejected, on: connection).hop(to: context.eventLoop).assumeIsolated()
            .whenComplete { result in
                guard self.state == .renewing else { return }
                let upstream = self.upstream
                if case .success(let injections?) = result {
                    self.upstream = nil
                    upstream?.abandon()
                    self.head = self.request.head
                    // The client has sent its body already.
                    self.head.headers.remove(name: "expect")
                    return self.allowed(injections)
                }
                self.renewal?.giveUp()
                self.state = .streaming
                guard let upstream else {
                    return self.upstreamFailed(
                        UpstreamFailure(kind: .upstream, reason: "the host closed the connection in the middle of the response"))
                }
                self.receiveHead(response)
                upstream.resumeBody()
            }
    }

    /// Sends the body of a request that was refused once more, if that is what this is.
    func sendAgain() -> Bool {
        guard request.hasBody, let body = renewal?.take() else { return false }
        if body.readableBytes > 0 { receiveBody(body) }
        receiveEnd(nil)
        return true
    }
}

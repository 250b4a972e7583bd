import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel

extension Worker {
    /// Goes on with a connection whose socket has changed.
    func advance(_ connection: ClientConnection, _ ready: ReadyEvents) {
        switch connection.stage {
        case .relaying, .inspecting, .closed: return
        default: break
        }
        if ready.contains(.peerFinished) { connection.hasFinished = true }
        if !ready.isDisjoint(with: [.failed, .hungUp]) {
            // Both sides are done; the last word may still be on its way.
            if case .draining = connection.stage { return close(connection, reset: ready.contains(.failed)) }
            return close(connection, reset: true)
        }
        switch connection.stage {
        case .proxyChoice, .socksGreeting, .socksRequest, .proxyRequest: readProxyRequest(connection)
        case .firstBytes(let patient): readFirstBytes(connection, patient: patient)
        case .dns: answerStream(connection)
        case .draining: drain(connection)
        // Who ends a TLS connection before its first answer is gone.
        case .verdict where connection.hasFinished && connection.speaksTLS: close(connection, reset: true)
        // Others may say their last before the answer; the socket is looked at when the answer is there.
        case .proceeding, .verdict, .upstream, .relaying, .inspecting, .closed: break
        }
    }

    // MARK: - Proxy requests

    private func readProxyRequest(_ connection: ClientConnection) {
        while true {
            guard let (bytes, ended) = connection.peek(buffer) else { return close(connection, reset: true) }
            if ended { return close(connection, reset: true) }
            guard let first = bytes.first else { return }
            switch connection.stage {
            case .proxyChoice:
                connection.stage = first == SOCKSReader.version ? .socksGreeting : .proxyRequest
                if first == SOCKSReader.version { connection.via = .socks }
            case .socksGreeting:
                switch SOCKSReader.readGreeting(bytes) {
                case .incomplete: return
                case .malformed:
                    report(0, .malformed, "a SOCKS greeting")
                    return close(connection, reset: true)
                case .unacceptable: return finish(connection, with: SOCKSReader.noMethod)
                case .accepted(let length):
                    guard connection.take(length), connection.answer(SOCKSReader.acceptance) else { return close(connection, reset: true) }
                    connection.stage = .socksRequest
                }
            case .socksRequest:
                switch SOCKSReader.readRequest(bytes) {
                case .incomplete: return
                case .malformed:
                    report(0, .malformed, "a SOCKS request")
                    return finish(connection, with: SOCKSReader.Reply.failed.bytes)
                case .refused(let reply):
                    report(0, .refused, "a SOCKS request that is not CONNECT to a name or IPv4 address")
                    return finish(connection, with: reply.bytes)
                case .connect(let host, let port, let length):
                    guard connection.take(length) else { return close(connection, reset: true) }
                    return routeProxied(connection, host, port)
                }
            case .proxyRequest:
                switch ProxyRequest.read(bytes) {
                case .incomplete: return
                case .refused(let status, let reason):
                    report(0, .malformed, "a proxy request: \(reason)")
                    return finish(connection, with: DenialPage.failure(status: "\(status) \(Worker.phrase(status))", reason: reason))
                case .connect(let host, let port, let length):
                    guard connection.take(length) else { return close(connection, reset: true) }
                    return routeProxied(connection, host, port)
                case .absoluteForm(let host, let port):
                    connection.via = .absoluteForm
                    setDestination(connection, host, port)
                    return ask(connection, .http)
                }
            default: return
            }
        }
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 431: "Request Header Fields Too Large"
        case 505: "HTTP Version Not Supported"
        default: "Bad Request"
        }
    }

    private func setDestination(_ connection: ClientConnection, _ host: HostNames.Host, _ port: UInt16) {
        connection.port = port
        switch host {
        case .name(let name): connection.destination = .name(name)
        case .address(let address):
            // A program may have learned a synthetic address by DNS and give it to its proxy.
            connection.destination = responder.table.name(of: address).map(Destination.name) ?? .address(address)
        }
    }

    private func routeProxied(_ connection: ClientConnection, _ host: HostNames.Host, _ port: UInt16) {
        connection.owesReply = true
        setDestination(connection, host, port)
        route(connection)
    }

    // MARK: - The supervisor's questions

    /// Asks about a destination, or first waits for what the client says.
    func route(_ connection: ClientConnection) {
        if case .dns = connection.stage { return advance(connection, .readable) }
        // A host's port is open for whatever is spoken there.
        if connection.via == .hostPort || ServerFirstPorts.contains(connection.port) { return ask(connection, .silent) }
        // A proxy's client waits for an answer. Elsewhere web clients speak at once, and get their refusal as a page.
        if connection.owesReply || !ServerFirstPorts.clientMustSpeak(connection.port) { return ask(connection, .awaited) }
        awaitFirstBytes(connection)
    }

    func ask(_ connection: ClientConnection, _ spoken: ApplicationProtocol) {
        guard let destination = connection.destination else { return close(connection, reset: true) }
        connection.spoken = spoken
        connection.isOpened = true
        connection.stage = spoken == .awaited ? .proceeding : .verdict
        connection.deadline = monotonicMilliseconds() + UInt64(limits.verdictSeconds) * 1000
        let opening = Opening(destination: destination, port: connection.port, via: connection.via, protocol: spoken)
        outbox.send(.open(connection.id, opening))
    }

    /// Looks at what the client says, once it says it.
    func awaitFirstBytes(_ connection: ClientConnection) {
        let patient = ServerFirstPorts.clientMustSpeak(connection.port)
        let now = monotonicMilliseconds()
        connection.stage = .firstBytes(patient: patient)
        connection.deadline = now + (patient ? UInt64(limits.handshakeSeconds) * 1000 : Worker.patience)
        if !patient {
            hasImpatient = true
            nextTick = min(nextTick, now + 50)
        }
        readFirstBytes(connection, patient: patient)
    }

    private func readFirstBytes(_ connection: ClientConnection, patient: Bool) {
        guard let (bytes, ended) = connection.peek(buffer) else { return close(connection, reset: true) }
        switch FirstBytes.read(bytes) {
        case .incomplete:
            guard ended || connection.hasFinished || bytes.count >= FirstBytes.sizeLimit else {
                // It has begun to speak: now it may take its time.
                if !patient, !bytes.isEmpty {
                    connection.stage = .firstBytes(patient: true)
                    connection.deadline = monotonicMilliseconds() + UInt64(limits.handshakeSeconds) * 1000
                }
                return
            }
            if bytes.isEmpty { return patient ? close(connection, reset: false) : ask(connection, .silent) }
            if let first = bytes.first, ClientHello.begins(with: first) {
                report(connection.id, .malformed, "a ClientHello that ends early")
                return close(connection, reset: true)
            }
            ask(connection, .other)
        case .malformed(let reason):
            report(connection.id, .malformed, "TLS to \(connection.place): \(reason)")
            close(connection, reset: true)
        case .http: ask(connection, .http)
        case .http2: ask(connection, .http2)
        case .other: ask(connection, .other)
        case .tls(let hello): checkName(connection, hello)
        }
    }

    /// The name in TLS must be the one that was connected to: only that one has been or will be judged.
    private func checkName(_ connection: ClientConnection, _ hello: ClientHello) {
        var name: String?
        if let bytes = hello.serverName {
            // RFC 6066: a host name without a final dot, which `name` would take away, and no address.
            guard let valid = HostNames.name(bytes), bytes.last != UInt8(ascii: ".") else {
                report(connection.id, .malformed, "TLS to \(connection.place) names no valid host")
                return close(connection, reset: true)
            }
            name = valid
        }
        if case .name(let wanted)? = connection.destination, name != wanted {
            report(connection.id, .nameMismatch, "TLS to \(connection.place) asks for \(name ?? "no name")")
            return close(connection, reset: true)
        }
        let protocols = hello.protocols.prefix(ProtocolLimit.protocols).map { String(decoding: $0, as: UTF8.self) }
            .filter { $0.utf8.count <= 255 }
        ask(connection, .tls(serverName: name, protocols: protocols))
    }
}

extension ClientConnection {
    fileprivate var speaksTLS: Bool { if case .tls = spoken { true } else { false } }

    /// Where it goes, for people.
    var place: String {
        switch destination {
        case .name(let name): "\(name):\(port)"
        case .address(let address): "\(address):\(port)"
        case nil: "nowhere"
        }
    }
}

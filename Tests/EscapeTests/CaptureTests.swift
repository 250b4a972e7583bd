import Glibc
import LinuxKernel
import TestSupport
import Testing

/// A sandbox whose traffic is captured, with a test program in the gateway's place.
struct CapturedSandbox {
    let place: Sandboxed

    init(_ identity: TestIdentity) throws { place = try Sandboxed(identity) }

    private func words(_ command: [String], _ options: [String]) throws -> [String] {
        place.identity.arguments(
            [try BuiltPrograms.gatewayAcceptor(), "--warden", try BuiltPrograms.warden(), "--project", place.project] + options + ["--"]
                + command)
    }

    func run(_ command: [String], options: [String] = [], omitting: String? = nil) throws -> ChildProcess.Outcome {
        try ChildProcess.run(
            words(command, options), environment: place.environment.merging(omitting.map { ["COOP_TEST_OMIT": $0] } ?? [:]) { $1 },
            directory: place.project)
    }

    func start(_ command: [String], options: [String] = []) throws -> ChildProcess {
        try ChildProcess(words(command, options), environment: place.environment, directory: place.project)
    }

    func attack(_ words: [String], options: [String] = [], omitting: String? = nil) throws -> AttackResult {
        AttackResult(try run([try place.armed()] + words, options: options, omitting: omitting))
    }

    /// Expects that something works, and its one line of output.
    func expectAnswer(
        _ words: [String], _ answer: String, options: [String] = [], at location: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try run([try place.armed()] + words, options: options)
        #expect(outcome.output == "WORKED \(answer)\n", "\(place.identity): \(words): \(outcome)", sourceLocation: location)
    }

    /// Expects an attack to be refused at once, and to work when its protection is left out.
    func expectRefused(
        _ words: [String], options: [String] = [], control: Control, at location: SourceLocation = #_sourceLocation
    ) throws {
        let result = try attack(words, options: options)
        #expect(result.isRefused, "\(place.identity): \(words): \(result)", sourceLocation: location)
        var omission: String?
        switch control {
        case .without(let text): omission = text
        case .withoutFor(let identities, let text): omission = identities.contains(place.identity) ? text : nil
        case .outside:
            let result = AttackResult(try place.outside([try place.armed()] + words))
            #expect(result.hasWorked, "\(place.identity), outside: \(words) proves nothing: \(result)", sourceLocation: location)
        case .none: break
        }
        guard let omission else { return }
        let without = try attack(words, options: options, omitting: omission)
        #expect(without.hasWorked, "\(place.identity), without \(omission): \(words) proves nothing: \(without)", sourceLocation: location)
    }
}

@Suite struct CaptureTests {
    @Test("TCP to any address arrives outside, and knows where it was going", arguments: TestIdentity.all)
    func tcp(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        for (address, port) in [
            ("192.0.2.1", "443"), ("198.51.100.7", "22"), ("10.0.0.1", "80"), ("198.18.0.2", "53"), ("192.0.2.1", "1021"),
        ] {
            try sandbox.expectAnswer(["ask_tcp", address, port], "redirect 1021 for \(address):\(port) as itself")
        }
        try sandbox.expectAnswer(["ask_tcp6", "::ffff:192.0.2.1", "443"], "redirect 1021 for 192.0.2.1:443")
        try sandbox.expectAnswer(["ask_tcp_forked", "192.0.2.1", "443"], "redirect 1021 for 192.0.2.1:443 as itself")
        // A dynamic program, behind two shells, in the background of a session of its own.
        let script = "setsid -w /bin/bash -c '(exec 3<>/dev/tcp/192.0.2.9/8443; cat <&3) & wait'"
        let outcome = try sandbox.run(["/bin/sh", "-c", script])
        #expect(outcome.output == "redirect 1021 for 192.0.2.9:8443\n", "\(outcome)")
    }

    @Test("a warden that was started early captures as well")
    func early() throws {
        for identity in TestIdentity.all {
            try CapturedSandbox(identity).expectAnswer(
                ["ask_tcp", "192.0.2.1", "443"], "redirect 1021 for 192.0.2.1:443 as itself", options: ["--early"])
        }
    }

    @Test("a DNS query to any server is answered from outside, as if by that server", arguments: TestIdentity.all)
    func dns(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        try sandbox.expectAnswer(["ask_udp", "192.0.2.53", "53"], "query from 192.0.2.53:53")
        try sandbox.expectAnswer(["ask_udp", "198.18.0.2", "53"], "query from 198.18.0.2:53")
        let outcome = try sandbox.run(["/usr/bin/getent", "ahostsv4", "example.com"])
        #expect(outcome.output.hasPrefix("198.18.1.1 "), "\(outcome)")
    }

    @Test("the proxy and the ports of the host are there on both loopback addresses", arguments: TestIdentity.all)
    func ports(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        let options = ["--host-port", "5432", "--host-port", "80"]
        for port in ["5432", "80"] {
            try sandbox.expectAnswer(["ask_tcp", "127.0.0.1", port], "hostPort \(port) for 127.0.0.1:\(port) as itself", options: options)
            try sandbox.expectAnswer(["ask_tcp6", "::1", port], "hostPort \(port)", options: options)
        }
        try sandbox.expectAnswer(["ask_tcp", "127.0.0.1", "3128"], "proxy 3128 for 127.0.0.1:3128 as itself")
        try sandbox.expectAnswer(["ask_tcp6", "::1", "4000"], "proxy 4000", options: ["--proxy-port", "4000"])
        // More sockets than one message carries.
        let many = (0..<40).flatMap { ["--host-port", String(7000 + $0)] }
        try sandbox.expectAnswer(["ask_tcp6", "::1", "7039"], "hostPort 7039", options: many)
    }

    @Test("ports that cannot be had at the same time are refused before anything starts")
    func impossiblePorts() throws {
        let sandbox = try CapturedSandbox(TestIdentity.all[0])
        for options in [
            ["--host-port", "1021"], ["--host-port", "3128"], ["--host-port", "80", "--host-port", "80"], ["--proxy-port", "1022"],
        ] {
            let outcome = try sandbox.run(["/bin/true"], options: options)
            #expect(outcome.exitCode == 125 && outcome.error.contains("GATEWAY failed configuration:"), "\(outcome)")
        }
    }

    @Test("what is neither TCP nor DNS is refused at once", arguments: TestIdentity.all)
    func refused(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        for (address, port) in [("192.0.2.1", "443"), ("192.0.2.1", "123"), ("10.0.0.1", "8125"), ("224.0.0.251", "5353")] {
            try sandbox.expectRefused(["send_udp", address, port], control: .without("gateway-rules"))
        }
        for address in ["2001:db8::1", "fe80::1", "ff02::fb"] {
            try sandbox.expectRefused(["connect_tcp6", address, "443"], control: .none)
            try sandbox.expectRefused(["send_udp6", address, "443"], control: .none)
        }
        // Ping sockets are closed to everybody by default, in every new network namespace.
        try sandbox.expectRefused(["internet_socket", "\(AF_INET)", "2", "1"], control: .none)
        try sandbox.expectRefused(["internet_socket", "\(AF_INET6)", "2", "58"], control: .none)
        for family in ["\(AF_INET)", "\(AF_INET6)", "17"] {
            for kind in ["1", "6", "17", "255"] {
                try sandbox.expectRefused(["internet_socket", family, "3", kind], control: .withoutFor([.root], allPrivilegeLayers))
            }
        }
    }

    @Test("the gateway's own ports cannot be connected to directly", arguments: TestIdentity.all)
    func direct(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        try sandbox.expectRefused(["connect_tcp", "127.0.0.1", "1021"], control: .without("gateway-rules"))
        try sandbox.expectRefused(["connect_tcp6", "::ffff:127.0.0.1", "1021"], control: .without("gateway-rules"))
        try sandbox.expectRefused(["connect_tcp", "0.0.0.0", "1021"], control: .without("gateway-rules"))
        try sandbox.expectRefused(["send_udp", "127.0.0.1", "1022"], control: .without("gateway-rules"))
        for address in ["127.0.0.2", "127.255.255.254", "198.18.0.1"] {
            for port in ["1021", "1022", "3128"] { try sandbox.expectRefused(["connect_tcp", address, port], control: .none) }
        }
        for port in ["1021", "1022"] { try sandbox.expectRefused(["connect_tcp6", "::1", port], control: .none) }
        try sandbox.expectRefused(["ask_udp", "127.0.0.1", "53"], control: .none)
    }

    @Test("nobody inside can take a port of the gateway, or share it", arguments: TestIdentity.all)
    func takenPorts(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        for address in ["127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"] {
            try sandbox.expectRefused(["take_port", address, "3128"], control: .without("listen=proxy"))
            try sandbox.expectRefused(
                ["take_port", address, "5432"], options: ["--host-port", "5432"], control: .without("listen=host-port"))
            // Below 1024: not even without the sockets.
            try sandbox.expectRefused(["take_port", address, "1021"], control: .none)
            try sandbox.expectRefused(["take_port", address, "1022", "udp"], control: .none)
        }
    }

    @Test("the command cannot change rules, routes or addresses", arguments: TestIdentity.all)
    func fixed(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        for attack in ["delete_rules", "delete_route", "add_route6", "add_address"] {
            try sandbox.expectRefused([attack], control: .withoutFor([.root], allPrivilegeLayers))
        }
        // The way to the packet filter is closed by itself, whatever the rights.
        for family in ["12", "4", "6", "16"] {
            try sandbox.expectRefused(["internet_socket", "16", "3", family], control: family == "12" ? .without("seccomp") : .none)
        }
        try sandbox.expectAnswer(["ask_tcp", "192.0.2.1", "443"], "redirect 1021 for 192.0.2.1:443 as itself")
    }

    @Test("wider groups of system calls open no other way out", arguments: TestIdentity.all)
    func widened(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        let groups = ["--allow-syscalls", "raw-sockets", "--allow-syscalls", "nested-userns"]
        for family in ["\(AF_INET)", "\(AF_INET6)", "17"] {
            for attack in ["internet_socket", "raw_socket_nested"] {
                try sandbox.expectRefused([attack, family, "3", "255"], options: groups, control: .none)
            }
        }
        try sandbox.expectRefused(["delete_route_nested"], options: groups, control: .none)
        try sandbox.expectRefused(["delete_rules"], options: groups, control: .none)
    }

    @Test("when the gateway is gone everything is refused at once", arguments: TestIdentity.all)
    func deadGateway(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        let program = try sandbox.place.armed()
        // Until the sockets are closed, one after the other, connections wait in them. 10 is a refusal.
        let script =
            "for to in '192.0.2.1 443' '127.0.0.1 3128'; do until \(program) connect_tcp $to >/dev/null; [ $? -eq 10 ]; do :; done; done; "
            + "exec \(program) \"$@\""
        for words in [["connect_tcp", "192.0.2.1", "443"], ["connect_tcp", "127.0.0.1", "3128"], ["ask_udp", "192.0.2.53", "53"]] {
            let result = AttackResult(try sandbox.run(["/bin/sh", "-c", script, "sh"] + words, options: ["--dead"]))
            #expect(result.isRefused, "\(identity): \(words): \(result)")
        }
    }

    @Test("neither the warden nor the command holds a socket of the gateway", arguments: TestIdentity.all)
    func handedOver(_ identity: TestIdentity) throws {
        guard getuid() == 0 else { return }
        let sandbox = try CapturedSandbox(identity)
        let child = try sandbox.start(["/bin/sh", "-c", "echo started; exec sleep 1000"])
        // The warden's number is told by another process, through another pipe.
        guard try child.waitUntil({ $0.outputText.contains("started\n") && $0.errorText.contains("\n") }) else {
            throw TestSupportError("\(child.outputText) \(child.errorText)")
        }
        let words = child.errorText.split(separator: " ")
        guard words.count > 2, words[1] == "warden", let warden = Int32(words[2]) else { throw TestSupportError(child.errorText) }
        func sockets(_ pid: Int32) throws -> Int {
            try FileSystem.list("/proc/\(pid)/fd").count { FileSystem.readLink("/proc/\(pid)/fd/\($0)")?.hasPrefix("socket:") == true }
        }
        // The warden has its channel, the command nothing.
        #expect(try sockets(warden) == 1)
        let children = try String(osBytes: FileSystem.read("/proc/\(warden)/task/\(warden)/children")).split(separator: " ").compactMap {
            Int32($0)
        }
        #expect(!children.isEmpty)
        for pid in children { #expect(try sockets(pid) == 0) }
        kill(warden, SIGKILL)
        _ = try child.wait()
    }

    @Test("the ports and connections of the host are not seen", arguments: TestIdentity.all)
    func hostPorts(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        let server = try sandbox.place.server(["serve_tcp"])
        let port = String(Int(server.port) ?? 0, radix: 16, uppercase: true)
        let padded = String(repeating: "0", count: 4 - port.count) + port
        let outcome = try sandbox.run(["/bin/sh", "-c", "cat /proc/net/tcp /proc/net/tcp6; ss -tan 2>/dev/null || true"])
        #expect(
            outcome.output.contains("0100007F:03FD") && !outcome.output.contains(":" + padded)
                && !outcome.output.contains(":" + server.port), "\(outcome)")
        // A port of the host is the gateway's to open: without `--host-port` nothing is there.
        try sandbox.expectRefused(["connect_tcp", "127.0.0.1", server.port], control: .outside)
        withExtendedLifetime(server.process) {}
    }

    @Test("without a gateway there is none of this", arguments: TestIdentity.all)
    func none(_ identity: TestIdentity) throws {
        let sandbox = try CapturedSandbox(identity)
        let options = ["--network", "none"]
        let outcome = try sandbox.run(
            ["/bin/sh", "-c", "cat /etc/resolv.conf; tail -n +2 /proc/net/route /proc/net/tcp /proc/net/tcp6"], options: options)
        #expect(
            !outcome.output.contains("nameserver") && !outcome.output.contains("lo\t") && !outcome.output.contains("0C38"), "\(outcome)")
        for words in [["connect_tcp", "192.0.2.1", "443"], ["send_udp", "192.0.2.53", "53"], ["connect_tcp", "127.0.0.1", "3128"]] {
            #expect(try sandbox.attack(words, options: options).isRefused)
        }
    }

    @Test("a route or a rule that is not there stops the start")
    func attestation() throws {
        let sandbox = try CapturedSandbox(TestIdentity.all[0])
        // Without the loopback device being up, the kernel takes neither.
        let outcome = try sandbox.run(["/bin/true"], omitting: "loopback")
        #expect(outcome.exitCode == 125 && outcome.error.contains("GATEWAY failed refused: layer network cannot be enforced"), "\(outcome)")
    }
}

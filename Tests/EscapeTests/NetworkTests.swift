import Glibc
import LinuxKernel
import TestSupport
import Testing

extension Sandboxed {
    /// Starts a server outside, as the same user, and returns it with the port it says.
    func server(_ words: [String]) throws -> (process: ChildProcess, port: String) {
        let process = try ChildProcess(identity.arguments([try armed()] + words), environment: environment, directory: project)
        guard try process.waitForOutput("\n"), process.outputText.hasPrefix("SERVING ") else {
            throw TestSupportError("no server: \(process.outputText)\(process.errorText)")
        }
        return (process, String(process.outputText.dropFirst(8).prefix { $0.isNumber }))
    }
}

@Suite struct NetworkTests {
    @Test("ports of the host's loopback cannot be reached", arguments: TestIdentity.all)
    func loopback(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let server = try place.server(["serve_tcp"])
        try place.expectRefused(["connect_tcp", "127.0.0.1", server.port], control: .outside)
        if let server = try? place.server(["serve_tcp6"]) {
            try place.expectRefused(["connect_tcp6", "::1", server.port], control: .outside)
            withExtendedLifetime(server.process) {}
        }
        withExtendedLifetime(server.process) {}
    }

    @Test("without network, addresses outside cannot be reached, and this is known at once", arguments: TestIdentity.all)
    func outside(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let none = ["--network", "none"]
        for address in ["192.0.2.1", "10.0.0.1", "169.254.169.254", "172.17.0.1", "8.8.8.8"] {
            try place.expectRefused(["connect_tcp", address, "80"], options: none, control: .none)
            try place.expectRefused(["send_udp", address, "53"], options: none, control: .none)
        }
        for address in ["2001:db8::1", "fe80::1", "::ffff:192.0.2.1"] {
            try place.expectRefused(["connect_tcp6", address, "443"], options: none, control: .none)
        }
        try place.expectRefused(["network_devices"], options: none, control: .none)
        // Without the namespace the warden itself finds the host's devices, and refuses to go on.
        let open = try place.run(["/bin/true"], options: none, environment: ["COOP_TEST_OMIT": "namespace=net;loopback"])
        #expect(open.exitCode != 0 && open.error.contains("is a network device, but not in the plan"), "\(open)")
    }

    @Test("without network, no name is resolved", arguments: TestIdentity.all)
    func names(_ identity: TestIdentity) throws {
        let outcome = try Sandboxed(identity).shell(
            "timeout 30 getent hosts example.com; echo $?; cat /etc/resolv.conf | grep nameserver", options: ["--network", "none"])
        #expect(outcome.output == "2\n", "\(outcome)")
    }

    @Test("abstract sockets of the host cannot be reached", arguments: TestIdentity.all)
    func abstract(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let name = "coop-test-" + FileSystem.lastComponent(of: place.root)
        let server = try place.server(["serve_abstract", name])
        try place.expectRefused(["connect_abstract", name], control: .outside)
        withExtendedLifetime(server.process) {}
    }

    @Test("sockets of the host in the workspace and in mounts cannot be reached", arguments: TestIdentity.all)
    func pathnames(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeDirectory("deep/\u{301}accent")
        try place.makeDirectory(place.root + "/shared")
        let paths = [place("plain.sock"), place("deep/\u{301}accent/x.sock"), place.root + "/shared/service.sock"]
        let servers = try paths.map { try place.server(["serve_unix", $0]) }
        for path in paths {
            try place.expectRefused(["connect_unix", path], options: ["-m", place.root + "/shared:ro"], control: .without("mask=\(path)"))
        }
        withExtendedLifetime(servers) {}
    }

    @Test("a socket of the host that was bound by a relative name cannot be reached", arguments: TestIdentity.all)
    func relativePathnames(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeDirectory("tmp/sockets")
        let server = try place.server(["serve_unix", "sockets/puma.sock", place("tmp")])
        try place.expectRefused(["connect_unix", place("tmp/sockets/puma.sock")], control: .without("mask=\(place("tmp/sockets"))"))
        withExtendedLifetime(server.process) {}
    }
}

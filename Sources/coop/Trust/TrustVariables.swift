import LinuxKernel
import Projects
import Sandbox

/// The variables by which programs are told what to trust.
struct TrustVariables {
    /// The file that programs of the sandbox read.
    let bundle: String

    /// Take the place of what the program would read.
    private static let replacing = [
        "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "CARGO_HTTP_CAINFO",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "NIX_SSL_CERT_FILE", "HTTPLIB2_CA_CERTS", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
        "WEBSOCKET_CLIENT_CA_BUNDLE", "HEX_CACERTS_PATH", "JULIA_SSL_CA_ROOTS_PATH", "PERL_LWP_SSL_CA_FILE",
    ]

    /// Are read beside the list that the program brings.
    private static let adding = ["NODE_EXTRA_CA_CERTS", "DENO_CERT"]

    /// A directory instead of a file, or beside it.
    private static let directory = "SSL_CERT_DIR"

    /// The files that the variables of coop's own environment name, each once, but for the bundle. The variables may not reach the
    /// sandbox; what the user's programs trust outside, those inside should.
    func hostFiles() -> [String] {
        var result: [String] = []
        for name in TrustVariables.replacing + TrustVariables.adding {
            guard let path = environmentVariable(name), path.hasPrefix("/"), path != bundle, !result.contains(path) else { continue }
            result.append(path)
        }
        return result
    }

    /// Sets them. What the user has set for the sandbox stays, and the file that it names gets the certificates too.
    ///
    /// - Parameter replace: takes a path of the host and the path inside where that file appears, and puts a copy with the certificates
    ///   over it; false when there is no certificate in it.
    /// - Returns: what cannot be done, a line each.
    func set(in spec: inout SandboxSpec, replace: (String, String, inout SandboxSpec) throws -> Bool) throws -> [String] {
        var notes: [String] = []
        var replaced: Set<String> = [bundle, TrustStores.authorities]
        func place(_ name: String, _ value: String) throws {
            guard let index = spec.environment.firstIndex(where: { $0.name == name }) else {
                spec.environment.append(EnvironmentVariable(name: name, value: value, origin: "coop"))
                return
            }
            let old = spec.environment[index]
            if old.origin == "host" {
                spec.environment[index] = EnvironmentVariable(name: name, value: value, origin: "coop")
            } else if !replaced.contains(old.value), !old.value.isEmpty {
                if let source = TrustVariables.source(of: old.value, in: spec), try replace(source, old.value, &spec) {
                    replaced.insert(old.value)
                } else {
                    notes.append(TrustVariables.note(old))
                }
            }
        }
        for name in TrustVariables.replacing { try place(name, bundle) }
        for name in TrustVariables.adding { try place(name, TrustStores.authorities) }
        if let index = spec.environment.firstIndex(where: { $0.name == TrustVariables.directory }) {
            let old = spec.environment[index]
            if old.origin == "host" {
                spec.environment[index] = EnvironmentVariable(
                    name: TrustVariables.directory, value: CertificateDirectory.standard, origin: "coop")
            } else if !old.value.split(separator: ":").contains(Substring(CertificateDirectory.standard)) {
                notes.append(TrustVariables.note(old))
            }
        }
        spec.environment.sort { $0.name < $1.name }
        return notes
    }

    /// Where on the host the file at a path inside is; nil when it can be written inside. Such a file is not covered: a copy would hide
    /// changes, and git would see one.
    private static func source(of path: String, in spec: SandboxSpec) -> String? {
        guard path.hasPrefix("/"), FileSystem.normalize(path) == path,
            ![spec.workspace.path, spec.home.path].contains(where: { FileSystem.contains($0, path) })
        else { return nil }
        let nearest = spec.mounts.filter { FileSystem.contains($0.target, path) }.max { $0.target.utf8.count < $1.target.utf8.count }
        guard let nearest else { return SpecBuilder.systemDirectories.contains { FileSystem.contains($0, path) } ? path : nil }
        guard nearest.readOnly, let rest = FileSystem.relative(path, to: nearest.target) else { return nil }
        return rest.isEmpty ? nearest.source : FileSystem.join(nearest.source, rest)
    }

    private static func note(_ variable: EnvironmentVariable) -> String {
        "\(variable.name)=\(variable.value) (\(variable.origin)) names nothing that knows the sandbox's certificate authority: "
            + "connections that coop looks into fail for programs that obey it"
    }
}

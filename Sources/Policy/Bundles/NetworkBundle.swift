import CoopErrors
import LinuxKernel

/// A named set of hosts that belong together, such as those of npm, kept as a text file that is easy to review.
///
/// One pattern a line: `[METHODS] HOST[:PORT] [PATH…]`, for example `registry.npmjs.org` or `GET,HEAD github.com`. A line that
/// begins with `#` gives the reason for the next.
public struct NetworkBundle: Sendable, Hashable {
    public let name: String
    /// The rules of the file, in its order.
    public let rules: [NetworkRule]

    /// Reads the text of a bundle.
    ///
    /// - Throws: `CoopError` that names the bundle and the line.
    init(name: String, parsing text: String) throws(CoopError) {
        self.name = name
        var rules: [NetworkRule] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.isEmpty || line.hasPrefix("#") { continue }
            var words = line.split(separator: " ").map(String.init)
            var methods: [String] = []
            if let first = words.first, words.count > 1, NetworkBundle.isMethods(first) {
                methods = first.split(separator: ",").map(String.init)
                words.removeFirst()
            }
            guard let host = words.first else { continue }
            do throws(CoopError) {
                rules.append(try NetworkRule(parsing: host, methods: methods, paths: Array(words.dropFirst()), origin: "bundle \(name)"))
            } catch {
                throw CoopError(error.code, "line \(number + 1) of \(error.what)", error.why, next: error.next)
            }
        }
        self.rules = rules
    }

    /// Finds a bundle that comes with coop.
    ///
    /// - Throws: `CoopError` that names the nearest bundle there is.
    public init(named name: String) throws(CoopError) {
        guard let bytes = NetworkBundle.files[name] else {
            let near = NearestName.find(name, among: NetworkBundle.names)
            throw CoopError(
                .configuration, "there is no bundle `\(name.printable)`",
                near.map { "did you mean `\($0)`?" } ?? "no bundle has a similar name",
                next: "coop net bundles")
        }
        try self.init(name: name, parsing: String(decoding: bytes, as: UTF8.self))
    }

    /// The names of all bundles, sorted.
    public static var names: [String] { files.keys.sorted() }

    /// The text of a bundle as it stands in its file; nil when there is none of this name.
    public static func text(named name: String) -> String? { files[name].map { String(decoding: $0, as: UTF8.self) } }

    private static func isMethods(_ word: String) -> Bool {
        word.utf8.allSatisfy { ($0 >= 0x41 && $0 <= 0x5A) || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "-") }
    }

    /// The files of Data, which the compiler puts into the program: a static executable has no resources beside it.
    private static let files: [String: [UInt8]] = [
        "alpine": PackageResources.alpine_txt,
        "anthropic": PackageResources.anthropic_txt,
        "composer": PackageResources.composer_txt,
        "conda": PackageResources.conda_txt,
        "crates": PackageResources.crates_txt,
        "debian": PackageResources.debian_txt,
        "docker-hub": PackageResources.docker_hub_txt,
        "fedora": PackageResources.fedora_txt,
        "github": PackageResources.github_txt,
        "github-read": PackageResources.github_read_txt,
        "gitlab": PackageResources.gitlab_txt,
        "go": PackageResources.go_txt,
        "google-ai": PackageResources.google_ai_txt,
        "hex": PackageResources.hex_txt,
        "huggingface": PackageResources.huggingface_txt,
        "maven": PackageResources.maven_txt,
        "node-toolchains": PackageResources.node_toolchains_txt,
        "npm": PackageResources.npm_txt,
        "nuget": PackageResources.nuget_txt,
        "openai": PackageResources.openai_txt,
        "openrouter": PackageResources.openrouter_txt,
        "pypi": PackageResources.pypi_txt,
        "rubygems": PackageResources.rubygems_txt,
        "rust-toolchains": PackageResources.rust_toolchains_txt,
        "swift": PackageResources.swift_txt,
        "ubuntu": PackageResources.ubuntu_txt,
    ]
}

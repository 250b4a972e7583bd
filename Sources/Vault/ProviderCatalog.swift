import CoopErrors
import LinuxKernel
import Substitution
import TOML

/// The services that coop knows: each a file in Providers, compiled into the program.
public enum ProviderCatalog {
    /// All of them, by name.
    ///
    /// - Throws: `CoopError` when a file is wrong, which the tests make sure of that it is not.
    public static func all() throws(CoopError) -> [Provider] {
        var result: [Provider] = []
        for bytes in files { result.append(try Provider(parsing: bytes)) }
        return result.sorted { $0.name < $1.name }
    }

    /// The provider of that name.
    ///
    /// - Throws: `notFound` with the names that there are.
    public static func find(_ name: String) throws(CoopError) -> Provider {
        // Every file begins with its name; a start reads no other.
        let beginning = Array("name = \"\(name)\"\n".utf8)
        if let bytes = files.first(where: { $0.starts(with: beginning) }), case let found = try Provider(parsing: bytes), found.name == name
        {
            return found
        }
        let known = try all()
        if let found = known.first(where: { $0.name == name }) { return found }
        throw CoopError(
            .notFound, "there is no provider `\(name.printable)`", "known are \(known.map(\.name).joined(separator: ", "))",
            next: "coop grant providers")
    }

    /// The service whose credential a value looks like most; nil when it looks like none.
    ///
    /// - Parameter providers: `all()`.
    public static func recognise(_ value: SecretBytes, among providers: [Provider]) -> Provider? {
        // What is shorter is no credential of anybody's that begins with so few letters.
        guard value.count >= 16 else { return nil }
        let found = providers.compactMap { provider in provider.resemblance(of: value).map { (provider, $0) } }
        return found.max { $0.1 < $1.1 }?.0
    }

    static let files: [[UInt8]] = [
        PackageResources.anthropic_toml,
        PackageResources.aws_toml,
        PackageResources.azure_openai_toml,
        PackageResources.bitbucket_toml,
        PackageResources.brave_search_toml,
        PackageResources.cargo_toml,
        PackageResources.cerebras_toml,
        PackageResources.cloudflare_toml,
        PackageResources.cohere_toml,
        PackageResources.deepseek_toml,
        PackageResources.digitalocean_toml,
        PackageResources.docker_hub_toml,
        PackageResources.elevenlabs_toml,
        PackageResources.exa_toml,
        PackageResources.firecrawl_toml,
        PackageResources.fireworks_toml,
        PackageResources.github_toml,
        PackageResources.gitlab_toml,
        PackageResources.google_toml,
        PackageResources.groq_toml,
        PackageResources.huggingface_toml,
        PackageResources.linear_toml,
        PackageResources.mistral_toml,
        PackageResources.netlify_toml,
        PackageResources.notion_toml,
        PackageResources.npm_toml,
        PackageResources.openai_toml,
        PackageResources.openrouter_toml,
        PackageResources.perplexity_toml,
        PackageResources.pypi_toml,
        PackageResources.replicate_toml,
        PackageResources.rubygems_toml,
        PackageResources.sentry_toml,
        PackageResources.slack_toml,
        PackageResources.stripe_toml,
        PackageResources.tavily_toml,
        PackageResources.telegram_toml,
        PackageResources.together_toml,
        PackageResources.vercel_toml,
        PackageResources.voyage_toml,
        PackageResources.xai_toml,
    ]
}

import CoopErrors
import LinuxKernel
import Projects
import Vault

extension Context {
    /// The secrets that can be used here: the project's and the global ones.
    func secrets() throws(CoopError) -> SecretStore {
        let project = try projectIfAny()
        return SecretStore(
            global: FileSystem.join(home.directory(.global), "secrets"), project: project.map { home.directory(.secrets, of: $0.key) })
    }

    /// Makes the directories above a store with the checks of coop's home.
    func prepareSecrets(_ scope: SecretStore.Scope) throws(CoopError) {
        switch scope {
        case .global: try home.prepare(FileSystem.join(home.directory(.global), "secrets"))
        case .project: try home.prepare(home.directory(.secrets, of: try project().key))
        }
    }

    func resolver() throws(CoopError) -> SecretResolver {
        SecretResolver(store: try secrets(), userHome: home.userHome, environment: { environmentVariable($0) })
    }
}

import CoopErrors
import Glibc
import Substitution
import Vault

extension AgentLogins {
    /// One login, for a list.
    struct Entry: Encodable {
        var agent: String
        var profile: String
        /// `host` or `coop`.
        var from: String
        var account: String?
        /// Seconds since 1970, of the token that is in use; nil where it is not known.
        var expires: Int64?
        /// Whether coop gets new tokens by itself.
        var isRefreshed: Bool
        /// `ready`, or why it is not.
        var state: String
        /// Why the sandboxes of this project get it; nil for one that they do not get.
        var reason: String?

        private enum CodingKeys: String, CodingKey {
            case agent, profile, from, account, expires, state, reason
            case isRefreshed = "refreshed"
        }
    }

    /// All that there are, the host's first.
    func entries() throws(CoopError) -> [Entry] {
        let used: (name: ProfileName, reason: Reason)?
        // A pin that leads nowhere is a run's to complain about.
        do throws(CoopError) { used = try choice(nil) } catch { used = nil }
        var names = try store.names()
        if file(.host).exists { names.insert(.host, at: 0) }
        return names.map { entry($0, reason: used?.name == $0 ? used?.reason : nil) }
    }

    private func entry(_ name: ProfileName, reason: Reason?) -> Entry {
        var result = Entry(
            agent: service.name, profile: name.text, from: name == .host ? "host" : "coop", isRefreshed: false, state: "ready",
            reason: reason?.rawValue)
        do throws(CoopError) {
            if name != .host, try !store.holdsLogin(name) {
                result.state = "not logged in"
                return result
            }
            let file = file(name)
            let document = try file.document()
            result.account = ProfileStore.account(of: document, service)
            if let key = service.key, document.at(key.path)?.string != nil, document.at(service.accessToken)?.string == nil {
                return result
            }
            let tokens = try file.tokens()
            result.expires = tokens.expiresAt.map { $0 / 1000 }
            result.isRefreshed = tokens.refresh != nil
            if let expires = result.expires, expires <= Int64(time(nil)), !result.isRefreshed { result.state = "over" }
        } catch { result.state = error.what }
        return result
    }
}

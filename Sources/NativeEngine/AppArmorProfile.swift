/// The profile that Ubuntu 23.10 and later want before a program may make user namespaces. It grants nothing else, and
/// restricts nothing: confinement is coop's own business.
public enum AppArmorProfile {
    public static let path = "/etc/apparmor.d/coop"

    /// The profile for a program at `program` (apparmor.d(5)).
    public static func text(program: String) -> String {
        """
        # Lets coop make user namespaces. Installed by `coop doctor --fix`.
        abi <abi/4.0>,
        include <tunables/global>

        profile coop "\(quoted(program))" flags=(unconfined) {
          userns,
          include if exists <local/coop>
        }

        """
    }

    /// Characters that mean something in a profile's path, as themselves (apparmor.d(5), "Globbing").
    private static func quoted(_ path: String) -> String {
        var result = ""
        for character in path {
            if "\\\"*?[]{}^@".contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }
}

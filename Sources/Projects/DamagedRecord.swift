/// A project's record that cannot be understood. What is kept beside it is found by its key all the same; the next run in the project makes
/// the record anew.
public struct DamagedRecord: Sendable, Equatable {
    /// The project's directory below `$COOP_HOME/projects`.
    public let directory: String
    /// What is wrong, with the place: `project.toml:2:4: …`.
    public let reason: String
}

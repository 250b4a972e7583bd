import ArgumentParser

/// What the commands that land changes, or drop them, are given alike.
struct WorkArguments: ParsableArguments {
    @Flag(help: "Print JSON.") var json = false
    @Argument(
        help: ArgumentHelp(
            "A session (a name, an id or the beginning of an id), and paths; without one this project's latest.", valueName: "ID|PATH"),
        completion: NameCompletion.sessions)
    var words: [String] = []
}

import ArgumentParser

struct TaskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task", abstract: "Tasks: branches with a working tree of their own, for agents side by side.",
        discussion: """
            A task is made by `coop run --task NAME`: branch coop/NAME, and a working tree beside yours.

            Examples:
              coop run --task fix-login claude
              coop task list
              cd "$(coop task path fix-login)"
              coop task divergence
              coop task merge fix-login
              coop task rm fix-login
            """,
        subcommands: [TaskList.self, TaskDivergenceCommand.self, TaskMergeCommand.self, TaskPath.self, TaskRemove.self])
}

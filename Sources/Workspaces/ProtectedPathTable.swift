extension ProtectedPaths {
    /// What programs of the host execute or obey when they find it in a directory that somebody works in, without being told to
    /// for this one. Instructions that are only read (AGENTS.md, CLAUDE.md) and what a person starts by name (Makefile, package
    /// scripts, a virtual environment) are not here: an agent has to write those; `docs/security.md` says so.
    ///
    /// `placeholder` marks directories that are made, empty, where they are missing, because a new one would take effect as soon
    /// as the directory is opened or the agent is started on the host.
    static let table: [Entry] = [
        // Editors: tasks, launchers, interpreters and extensions of a folder.
        .directory(".vscode", placeholder: true, "Visual Studio Code runs tasks and uses interpreter paths of the folder"),
        .directory(".idea", placeholder: true, "JetBrains IDEs run startup tasks and external tools of the project"),
        .directory(".run", placeholder: false, "JetBrains IDEs offer its run configurations"),
        .directory(".zed", placeholder: true, "Zed starts language servers and tasks of the folder"),
        .directory(".fleet", placeholder: false, "Fleet runs configurations of the folder"),
        .directory(".vs", placeholder: false, "Visual Studio runs tasks of the folder"),
        .directory(".helix", placeholder: false, "Helix starts language servers named in the folder"),
        .directory(".nvim", placeholder: false, "Neovim plugins load project code from it"),
        .file(".exrc", "vim and Neovim execute it with `exrc`"),
        .file(".nvimrc", "Neovim executes it with `exrc`"),
        .file(".nvim.lua", "Neovim executes it with `exrc`"),
        .file(".lazy.lua", "lazy.nvim loads it"),
        .file(".lvimrc", "vim plugins execute it"),
        .file(".ycm_extra_conf.py", "YouCompleteMe executes it"),
        .file(".vimrc", "vim executes it with `exrc`"),
        .file(".dir-locals.el", "Emacs evaluates forms in it"),
        .file(".gdbinit", "gdb executes it where the directory is trusted"),
        .file(".lldbinit", "lldb executes it where the setting allows it"),
        // Agents that coop does not know by name: hooks, permissions and servers that are started on the host. What the others obey their
        // own files say, and it is protected beside this.
        .directory(".cursor", placeholder: true, "Cursor starts its MCP servers and hooks"),
        .directory(".crush", placeholder: false, "Crush starts its servers"),
        .directory(".factory", placeholder: false, "Droid starts its MCP servers and hooks"),
        .directory(".augment", placeholder: false, "Auggie obeys its settings"),
        .directory(".roo", placeholder: false, "Roo Code starts its MCP servers"),
        .directory(".windsurf", placeholder: false, "Windsurf runs its workflows and hooks"),
        .directory(".kiro", placeholder: false, "Kiro starts its MCP servers and hooks"),
        .directory(".amazonq", placeholder: false, "Amazon Q starts its MCP servers and hooks"),
        .directory(".continue", placeholder: false, "Continue starts its MCP servers"),
        .directory(".junie", placeholder: false, "Junie starts its MCP servers"),
        .directory(".agents", placeholder: false, "agents run scripts of the skills in it"),
        .file("crush.json", "Crush starts the servers named in it"),
        .file(".crush.json", "Crush starts the servers named in it"),
        // Shells and environments: evaluated when a shell enters the directory.
        .directory(".direnv", placeholder: true, "direnv evaluates the cached environment in it"),
        .file(".envrc", "direnv executes it"),
        .file(".autoenv", "autoenv executes it"),
        .file(".autoenv.zsh", "autoenv executes it"),
        .directory(".mise", placeholder: false, "mise runs its hooks and tasks"),
        .file("mise.toml", "mise evaluates it on entry"),
        .file(".mise.toml", "mise evaluates it on entry"),
        .file("mise.local.toml", "mise evaluates it on entry"),
        .file(".mise.local.toml", "mise evaluates it on entry"),
        .directory(".config/mise", placeholder: false, "mise evaluates what is in it on entry"),
        // Containers and git hooks.
        .directory(".devcontainer", placeholder: true, "its initializeCommand runs on the host"),
        .file(".devcontainer.json", "its initializeCommand runs on the host"),
        .directory(".githooks", placeholder: false, "a usual target of core.hooksPath"),
        .directory(".husky", placeholder: false, "the hooks of husky, which git runs"),
        .file(".pre-commit-config.yaml", "pre-commit runs it at every commit on the host"),
        .file("lefthook.yml", "lefthook runs it at every commit on the host"),
        .file("lefthook.yaml", "lefthook runs it at every commit on the host"),
        .file(".lefthook.yaml", "lefthook runs it at every commit on the host"),
        .file("lefthook.toml", "lefthook runs it at every commit on the host"),
        .file("lefthook.json", "lefthook runs it at every commit on the host"),
        .file(".overcommit.yml", "overcommit runs it at every commit on the host"),
        .file(".lefthook.yml", "lefthook runs it at every commit on the host"),
        // Coop itself.
        .file("coop.toml", "coop reads it; a changed one loses its trust"),
        .file("coop.local.toml", "coop reads it; a changed one loses its trust"),
    ]
}

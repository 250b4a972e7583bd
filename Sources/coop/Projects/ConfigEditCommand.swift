import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects

struct ConfigEdit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Edit a configuration file; what is wrong is never saved.",
        discussion: """
            Your editor ($VISUAL, $EDITOR, or vi) gets a copy of the file. When you leave it, the copy is checked, and takes the file's
            place in one step. At a terminal you can go back to mend what is wrong.

            Examples:
              coop config edit
              coop config edit --user
            """)

    @OptionGroup var file: ConfigFileOptions
    @Flag(help: "Print JSON.") var json = false
    @Flag(help: "Never ask; refuse what is wrong.") var noInput = false

    private struct Report: Encodable {
        var version = 1
        var file: String
        var changed: Bool
    }

    func run() throws {
        let context = try Context()
        let editor = try file.editor(context)
        let (old, before) = try editor.text()
        let draft = try ConfigurationDraft(of: editor.file, home: context.home, text: old)
        var edited: [UInt8]
        while true {
            edited = try draft.edit()
            let problems = edited == old ? [] : editor.problems(in: edited)
            if problems.isEmpty { break }
            let lines = problems.map { "\($0.origin): \($0.reason)" }.joined(separator: "\n")
            FileHandleOutput.standardError(lines.printableLines + "\n")
            guard Terminal.canAsk, Terminal.confirm("Nothing is saved yet. Edit again?", standard: true) else {
                let kept = try draft.keep(edited)
                throw CoopError(
                    .configuration, "\(editor.file.name.printable) was not changed",
                    "the new text is wrong; it is kept in \(kept.printable)", next: editor.file.editCommand)
            }
        }
        try draft.discard()
        if edited != old {
            do throws(CoopError) {
                try editor.replace(with: edited, insteadOf: before)
            } catch {
                let kept = try draft.keep(edited)
                throw CoopError(error.code, error.what, "\(error.why); your text is kept in \(kept.printable)", next: error.next)
            }
        }
        if json {
            print(try JSONText.encode(Report(file: editor.file.path, changed: edited != old)))
        } else if edited == old {
            print("Nothing was changed.")
        }
    }
}

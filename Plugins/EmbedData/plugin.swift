import Foundation
import PackagePlugin

/// Compiles the TOML files in the directory Data of a target into it, with their names: a file that is added there is known without a
/// line of code.
@main
struct EmbedData: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
        let directory = target.directoryURL.appending(path: "Data")
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "toml" }.sorted { $0.path < $1.path }
        let script = context.package.directoryURL.appending(path: "Plugins/EmbedData/embed.sh")
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedData.swift")
        return [
            .buildCommand(
                displayName: "Embedding the data of \(target.name)", executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: [script.path, output.path] + files.map(\.path), inputFiles: [script] + files, outputFiles: [output])
        ]
    }
}

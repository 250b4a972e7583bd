import ArgumentParser

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "doctor", abstract: "Prove each layer of the sandbox by probing it from inside.")
    func run() throws {}
}

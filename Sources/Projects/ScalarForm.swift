import LinuxKernel
import TOML

/// Reads single values, from a document and from the text of an option or a variable alike.
enum ScalarForm {
    /// A size, duration or number from a document.
    static func value(_ value: TOMLValue, _ form: ConfigurationSchema.Form) -> Result<ConfigurationValue, ValueProblem> {
        switch (form, value) {
        case (.size, .string(let text)), (.duration, .string(let text)):
            return self.value(text, form).mapError { "has a wrong value: \($0.reason)" }
        case (.size, .integer(let number)):
            return number > 0 ? .success(.size(UInt64(number))) : .failure("must be greater than zero")
        case (.size, _): return .failure("must be a size such as \"4G\", or an integer of bytes, not \(value.kindName)")
        case (.duration, .integer(let number)): return .failure("needs a unit: \"\(number)s\" or \"\(number)m\"")
        case (.duration, _): return .failure("must be a duration such as \"30m\", not \(value.kindName)")
        case (.count(let range), .integer(let number)):
            guard let number = Int(exactly: number), range.contains(number) else {
                return .failure("must be between \(range.lowerBound) and \(range.upperBound)")
            }
            return .success(.integer(number))
        case (.count, _): return .failure("must be an integer, not \(value.kindName)")
        case (.fraction, .integer(let number)): return fraction(Double(number))
        case (.fraction, .float(let number)): return fraction(number)
        case (.fraction, _): return .failure("must be a number, not \(value.kindName)")
        default: return .failure("cannot be \(value.kindName)")
        }
    }

    /// A single value from text.
    static func value(_ text: String, _ form: ConfigurationSchema.Form) -> Result<ConfigurationValue, ValueProblem> {
        switch form {
        case .text(let rule):
            if let problem = TextRule.problem(text, rule) { return .failure(ValueProblem(problem)) }
            return .success(.text(text))
        case .size: return Quantities.size(text).map { .size($0) }
        case .duration: return Quantities.duration(text).map { .duration($0) }
        case .count(let range):
            guard let number = Int(text), range.contains(number) else {
                return .failure("`\(text.printable)` is not an integer between \(range.lowerBound) and \(range.upperBound)")
            }
            return .success(.integer(number))
        case .fraction:
            // Double's own reader would also take hexadecimal floats and "nan".
            guard text.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") }), let number = Double(text) else {
                return .failure("`\(text.printable)` is not a number of cores; write 2 or 0.5")
            }
            return fraction(number)
        case .flag:
            return text == "true" || text == "false" ? .success(.text(text)) : .failure("`\(text.printable)` is not true or false")
        default: return .failure("`\(text.printable)` is not a single value")
        }
    }

    private static func fraction(_ number: Double) -> Result<ConfigurationValue, ValueProblem> {
        number.isFinite && number > 0 && number <= 65536
            ? .success(.number(number)) : .failure("must be greater than zero and at most 65536")
    }

    /// One element of a list from text.
    static func item(
        _ text: String, _ form: ConfigurationSchema.Form, _ origin: ConfigurationOrigin
    ) -> Result<ConfigurationItem, ValueProblem> {
        switch form {
        case .list(let rule):
            if let problem = TextRule.problem(text, rule) { return .failure(ValueProblem(problem)) }
            return .success(ConfigurationItem(name: text, content: .text(text), origin: origin))
        case .ports:
            guard let port = Int(text), (1...65535).contains(port) else {
                return .failure("`\(text.printable)` is not a port between 1 and 65535")
            }
            return .success(ConfigurationItem(name: String(port), content: .port(port), origin: origin))
        case .mounts:
            return MountSetting.parse(text).map { ConfigurationItem(name: text, content: .mount($0), origin: origin) }
        case .map(let names, let values):
            guard let equals = text.firstIndex(of: "=") else { return .failure("`\(text.printable)` is not NAME=VALUE") }
            let name = String(text[..<equals])
            let value = String(text[text.index(after: equals)...])
            if let problem = TextRule.problem(name, names) ?? TextRule.problem(value, values) { return .failure(ValueProblem(problem)) }
            return .success(ConfigurationItem(name: name, content: .pair(value), origin: origin))
        default: return .failure("this key can only be set in a file")
        }
    }
}

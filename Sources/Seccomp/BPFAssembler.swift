/// Builds a program from its last instruction to its first.
///
/// BPF jumps forward only, so in this order every target is already placed when a jump to it is made, and the distance
/// is known. Conditional jumps reach 255 instructions; for a target further away a copy of it (when it is a return) or
/// an unconditional jump, which reaches any distance, is placed behind the branch.
struct BPFAssembler {
    /// A placed instruction, counted from the end of the program: 1 is the last.
    typealias Label = Int

    private var reversed: [BPFInstruction] = []
    /// The copy of each return that was placed last, and is therefore the nearest.
    private var returns: [UInt32: Label] = [:]

    /// The program in the order in which it runs.
    var program: [BPFInstruction] { reversed.reversed() }

    /// The first instruction of what was placed so far.
    private var top: Label { reversed.count }

    private mutating func place(_ instruction: BPFInstruction) -> Label {
        reversed.append(instruction)
        return top
    }

    /// A place where the program ends with `action`.
    mutating func end(_ action: SeccompAction) -> Label {
        let value = action.returnValue
        if let label = returns[value], top - label <= 250 { return label }
        let label = place(BPFInstruction(code: BPFInstruction.return, k: value))
        returns[value] = label
        return label
    }

    /// Goes on at `target`, which must be the next instruction or is jumped to.
    private mutating func fallThrough(to target: Label) {
        if target != top { _ = place(BPFInstruction(code: BPFInstruction.jump, k: UInt32(top - target))) }
    }

    /// Loads a word of `seccomp_data`, then goes on at `target`.
    mutating func load(offset: Int, then target: Label) -> Label {
        fallThrough(to: target)
        return place(BPFInstruction(code: BPFInstruction.load, k: UInt32(offset)))
    }

    /// Masks the loaded word, then goes on at `target`; a mask of all bits costs nothing.
    mutating func and(_ mask: UInt32, then target: Label) -> Label {
        if mask == .max { return target }
        fallThrough(to: target)
        return place(BPFInstruction(code: BPFInstruction.and, k: mask))
    }

    /// Compares the loaded word with `k` and goes on at one of two places.
    mutating func branch(_ code: UInt16, _ k: UInt32, then yes: Label, else no: Label) -> Label {
        if yes == no { return yes }
        // Bringing one target near moves the other one away by one instruction, hence 254.
        let nearYes = near(yes)
        let nearNo = near(no)
        return place(
            BPFInstruction(code: code, jt: UInt8(clamping: top - nearYes), jf: UInt8(clamping: top - nearNo), k: k))
    }

    private mutating func near(_ target: Label) -> Label {
        if top - target <= 254 { return target }
        let instruction = reversed[target - 1]
        if instruction.code == BPFInstruction.return {
            if let label = returns[instruction.k], top - label <= 254 { return label }
            let label = place(instruction)
            returns[instruction.k] = label
            return label
        }
        return place(BPFInstruction(code: BPFInstruction.jump, k: UInt32(top - target)))
    }
}

#if COOP_TEST_HOOKS
    import Glibc
    import LinuxKernel
    import WardenProtocol

    /// Leaves out one protection, so that an attack test can show that it succeeds without it. Exists in test builds only.
    ///
    /// `COOP_TEST_OMIT` holds items separated by `;`: the name of a plan operation (`seccomp`, `landlock`), one with the
    /// beginning of its subject (`read-only=/proc/sys`, `mask=/proc/keys`), `namespace=pid`, or `mount-read-only=TARGET`: that mount can
    /// be written.
    enum TestOmission {
        static let items: [(name: String, subject: String)] = {
            guard let text = getenv("COOP_TEST_OMIT") else { return [] }
            return String(osBytes: UnsafePointer(text)).split(separator: ";").map { item in
                let parts = item.split(separator: "=", maxSplits: 1)
                return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
            }
        }()

        static func apply(to plan: LaunchPlan) -> LaunchPlan {
            guard !items.isEmpty else { return plan }
            var plan = plan
            plan.operations.removeAll { operation in
                items.contains { $0.name == operation.name && operation.summary.hasPrefix($0.subject) }
            }
            plan.operations = plan.operations.map { operation in
                guard case .bind(let source, let target, let restrictions, let recursive) = operation,
                    items.contains(where: { $0.name == "mount-read-only" && $0.subject == target })
                else { return operation }
                return .bind(source: source, target: target, restrictions: restrictions.subtracting(.readOnly), recursive: recursive)
            }
            return plan
        }

        static func apply(to facts: HostFacts) -> HostFacts {
            var facts = facts
            facts.namespaces = apply(to: facts.namespaces)
            return facts
        }

        static func apply(to namespaces: [String]) -> [String] {
            namespaces.filter { name in !items.contains { $0.name == "namespace" && $0.subject == name } }
        }
    }
#endif

import Glibc

/// How many random inputs each property gets; `COOP_FUZZ_ITERATIONS` for a long run.
let iterations = getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? 3_000

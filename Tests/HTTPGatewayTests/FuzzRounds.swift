import Glibc

/// How many random inputs a property gets: `COOP_FUZZ_ITERATIONS`, else a number that takes about a second.
func fuzzRounds(_ usual: Int) -> Int { getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? usual }

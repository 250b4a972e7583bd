/// A secret that cannot be put where the grant says.
struct InjectionError: Error, Equatable {
    var reason: String
}

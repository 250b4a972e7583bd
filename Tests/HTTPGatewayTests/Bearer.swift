import Substitution

/// A secret for `Authorization: Bearer`, also where the request has no stub.
func bearer(_ secret: String) -> Injection {
    Injection(
        grant: "test", credential: .token(stub: Array("stub-of-the-test".utf8), secret: SecretBytes(copying: secret.utf8)),
        places: [InjectionPlace(.header("authorization"), whenAbsent: "Bearer {value}")])
}

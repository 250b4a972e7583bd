/// Cookies of load balancers and bot filters: clients send them back, and they say nothing about who somebody is.
enum HarmlessCookies {
    private static let names: Set<String> = [
        "__cf_bm", "_cfuvid", "__cflb", "__cfruid", "cf_ob_info", "AWSALB", "AWSALBCORS", "AWSALBTG", "AWSALBTGCORS", "AWSELB",
        "AWSELBCORS",
        "GCLB", "ARRAffinity", "ARRAffinitySameSite", "SERVERID", "ApplicationGatewayAffinity", "ApplicationGatewayAffinityCORS", "TiPMix",
        "x-ms-routing-name",
    ]

    static func contains(_ name: String) -> Bool { names.contains(name) }
}

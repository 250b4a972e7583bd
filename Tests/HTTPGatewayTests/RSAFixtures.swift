/// Certificates that the library under test cannot write itself: RSA, SHA-1, a short key, a client's usage.
///
/// Made once with OpenSSL; the authority's key was thrown away. Good from 2020 to 2100, so that no clock is before or behind them.
enum RSAFixtures {
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIDFjCCAf6gAwIBAgIUPcGigaR6Paxq5bqOHTSCpgcmVdowDQYJKoZIhvcNAQEL
        BQAwIjEgMB4GA1UEAwwXQ29vcCB0ZXN0IFJTQSBhdXRob3JpdHkwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMCIxIDAeBgNVBAMMF0Nvb3AgdGVzdCBS
        U0EgYXV0aG9yaXR5MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA3Yl8
        SeQYOPVb3XwQL5tUTQdbd2JV0Oo6VIyXtaLt1ris5q3XRjfhLTZjmUx+VR3HY11D
        v2Mtc4elKYQbJo341qfyqjOith1WTu5/p1ryEinBer6FlWo4OxxFnTGlyhQQL5I4
        CDSnoXrPvj+rxAJ55t9kSbgYxfn7jMezyJ933sg3WNykRE9dXv+xCR4+TPck7yJM
        xuFmr+mX8F4ZPLKCKvh5eEfhT677fuy06SgwtkmRimx41zOW4n6mCmma0dC7D3Ez
        Z/Uh9xHkg+WDIgIGj31noblxVVxNUoSozQiDlgcGZ9BIU4ymQUg0ekpWJghlvyQI
        tguqCdfh7hhs37tZtQIDAQABo0IwQDAdBgNVHQ4EFgQUhL7ISaVhmJLtvROZpRIx
        I63RFIMwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQwDQYJKoZIhvcN
        AQELBQADggEBAKZa4lEaImJy7YJUjVoCs2AcvHrYHQJt49WKOjqedpvLiRW5wi/A
        B0S3nJhlMWLPYWgsgTslmJT9zkiv3XU7vsp6bRrBYGELH5SyQ5TDSUhuw5xLoEOS
        1F6InR/AVqcyUmz4cD5ym++G362eqBzGqia/fhfQ6Alc+V4271YT73qhFK8deTv4
        e1FLOBgLTZcxh4sxm54zd67UiUzW5DNAMIyp+386iPGuM7UeTwZx2d2D2ddL/XeM
        eMP/PptFCEGBd/lgKoRrLeXGaw4g9NU1MbwWXMFBQlcdPJMjkUMyT3FvEQwz6LQ/
        uQEAe3Jq7Y1zNV/bSdzG81E8b/6nAh9+sro=
        -----END CERTIFICATE-----
        """

    static let good = (
        certificate: """
        -----BEGIN CERTIFICATE-----
        MIIDPzCCAiegAwIBAgIUWJDjtCmBOimieMA1M8m9525ocBkwDQYJKoZIhvcNAQEL
        BQAwIjEgMB4GA1UEAwwXQ29vcCB0ZXN0IFJTQSBhdXRob3JpdHkwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMBoxGDAWBgNVBAMMD2FwaS5leGFtcGxl
        LmNvbTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAKYNHQ6sn64SheEX
        VKMlezxB2xiqv3srxIFkeYTszIOBugk4f7MXMKK3sZKjSnPfYOhDrpJ905U57bEw
        LJIE4Fstj9iaFmh+tTmOrKk+LFiwQUJfmzytgSWp0GxGSZWhDh86aPJD/gLVuVxZ
        fUegdqgI2vYSOWsSULL0TplHdaHFrYfoytRv3hMa9NjiMVhDS691gXrytT6GLHIf
        NwEFYAblo7sZZxkjQjMkszsg1f5GGsyFU1Y9CvZJCWhD0NHVYw7c0e4o+ebmOY9L
        e2BO/BQ8ks3ruh44WctAwngjmTKLC+JuWX7bTv+af26jRT6A1/19pH2OvlYrG0IQ
        ADxHV8kCAwEAAaNzMHEwGgYDVR0RBBMwEYIPYXBpLmV4YW1wbGUuY29tMBMGA1Ud
        JQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBQgnDOI0fUMl3aId1HwfK98JFlaojAf
        BgNVHSMEGDAWgBSEvshJpWGYku29E5mlEjEjrdEUgzANBgkqhkiG9w0BAQsFAAOC
        AQEApUDMInsiS7ls8RsomfS/0ghuKWH0yeDMcwATec0GBAHQOSkCERPEhhWFaBpj
        LT97bQrlT9aX2xRgK7LIBIvo/1ZBbo6ibJGBjAV/VgFV450J9DIyhR5+b1iHkk6j
        wqbG/gnml08otSoqqHduEZiAV+tunI3SbWmLrBdNb52pSB1TSm99t8ZrViVhh9hV
        +scsC1sJMUlZUrBtu/9znatOjt9DRNU2xW4ZRHOXJgNf01YiXN3VUd81UB2GC1dm
        jP/zjFf8Sf7pIDgQ5RZhdu9EhfteEP9Mq0GedLVHuB4fTkAQCzH1bTX8vmG+ws9M
        77KB1IUhFtSWeDS/pRo2Ajbgjw==
        -----END CERTIFICATE-----
        """,
        key: """
        -----BEGIN PRIVATE KEY-----
        MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCmDR0OrJ+uEoXh
        F1SjJXs8QdsYqr97K8SBZHmE7MyDgboJOH+zFzCit7GSo0pz32DoQ66SfdOVOe2x
        MCySBOBbLY/YmhZofrU5jqypPixYsEFCX5s8rYElqdBsRkmVoQ4fOmjyQ/4C1blc
        WX1HoHaoCNr2EjlrElCy9E6ZR3Whxa2H6MrUb94TGvTY4jFYQ0uvdYF68rU+hixy
        HzcBBWAG5aO7GWcZI0IzJLM7INX+RhrMhVNWPQr2SQloQ9DR1WMO3NHuKPnm5jmP
        S3tgTvwUPJLN67oeOFnLQMJ4I5kyiwvibll+207/mn9uo0U+gNf9faR9jr5WKxtC
        EAA8R1fJAgMBAAECgf8jH/9zwlBL6VDvupiT3AgVga4ajTzQcTxchigDyAVQTCRR
        x+VX1cxpSdzmMp1X3l4IitbYEL6tgI/uPRRM+bP7znIp4vyaeohwoOSzaEU5NmTQ
        d0VUlBgPW/VwDl/7UYR9AUUqwUyL4k1sYqxhIYW/KVlEdCvGhRzbL8ubNjfaGRvj
        ym4hKckG1HRjrBWxeK5Rno6mlWQuZuPbLFcHSkvYv0SrD+16v85uAO3+cl+67gsM
        Vb+c6yx96uGreK/SV2904A22pr8oSFqQK4Kq4xEq1Xrc+C+xO9cmi1dW0Wlm4hcz
        Q8LsH9Nf/IwMCTx6SAmTlW/tO85OaBK8eZDa2RECgYEA1AthBkFbCnRT4jzQkJss
        qI100WkA5cQszcBL+qOpDha2rmFVK6xYXmQ6dilQiBv9t/12Hafx3gjYXOb4HYvn
        XxEg0O7CNWvDSrNECw2mNSd3JkDxUbVca/2iij/12wcBOzPD8JsPKq8/r66E5qsh
        JZVukxfpWT2KZ2KUYEYUiFECgYEAyHj/2ny1w0r6owFexF7NCeTma22o3N4kPmsk
        DYQ0oztrR7Ea6CutXw5A+xhOmRRBtbULT+10TO6VlMijgZBActtfHaoxk2tv1N2f
        vtR9hAaEg7csNJAbQ+b7S77g2nrFqjTVAYN+BKuWeCK813PXH3q5UdLhjeDMm0xx
        27ozcfkCgYEAyW3FzVtoUJYQ2WlL9xJxaex2fDdzUtD4frudcYrmnSuWfjCX59Tg
        XUp4/qZgieuNKars+V8AtBtS7W27ZNXyBK0Qr2kfs/+alOuWR6m/qd7DoOMwWp4e
        HbfjH9GCi34r/UE/cODbl4DCzvDJ7xXBdyJs1+5vDQcY4v0SViI8fwECgYBUtfR/
        MYVo0Y0ZRiHyXpDLpoLLUFozglbUXVetsni/pQMPF0Jkathmu1IwCDRmMQ4XJzpx
        eshTHdntNd8Jh5gEMLh/g4RRY+usij3PWGD1Yf+q3ML8LwymY7s6ZZ0EFS7jXlHH
        wvWEKbF6cEtVy2hSr/wRHEgdOKmc0e+mxoaomQKBgQCazrhJZwDf3f/6rBXnz74j
        VQwdOFRUIx6ZPWgWUXpzsj6wyBuWleaYqVuMAlUyr1crpm1Qi8DryAPG9FwL+zzD
        m/tGJLPPZpPy69kS56fXSgqn/oBlr9AQ/vlp9lsraGHyh6vFEGbSVEd0kW9YOzfC
        cWkaEFIIo3PY1SJ3krHpiQ==
        -----END PRIVATE KEY-----
        """
    )

    static let sha1 = (
        certificate: """
        -----BEGIN CERTIFICATE-----
        MIIDPzCCAiegAwIBAgIUUMUTljmO6BK/Mf5J0exU5rCUGsgwDQYJKoZIhvcNAQEF
        BQAwIjEgMB4GA1UEAwwXQ29vcCB0ZXN0IFJTQSBhdXRob3JpdHkwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMBoxGDAWBgNVBAMMD2FwaS5leGFtcGxl
        LmNvbTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAOfn9FNQIG1kLyff
        y4zNXVv7DHkts7++wAd99I1FVMmHkL68+vaeXda58I4dJAhHCZlZTn4Jw2FHSwY2
        RICP28v45H6TSC+yrTYkYG8B0JERsDyuYpu2z2QVmvapWHRBLm5oJJ4dMUl2rkNE
        Cao89ySQzrVg4y1QFH9xgltPf4neeAjJP+Lt3MnFEYPJ+2nWjrvhNmTOd5ycUnJF
        tzOAppf29r60QX+Z9a5zFdU5vJ7/bhD+YB4RGy9TErwJBFBg4AoUf44DZqx39wLC
        JNcLSQxKMK/J6eqjMbnfDLAMMGIgdxMOk5xinHMWvWpRunlxBQPQwpiLLZYTxDar
        irXW/jMCAwEAAaNzMHEwGgYDVR0RBBMwEYIPYXBpLmV4YW1wbGUuY29tMBMGA1Ud
        JQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBQfKE7LVl/2MacHqOX/MfR094pnkTAf
        BgNVHSMEGDAWgBSEvshJpWGYku29E5mlEjEjrdEUgzANBgkqhkiG9w0BAQUFAAOC
        AQEAO0w3ihTFehVSKsz5K7DhmEI+sCP0/6YXHzsyWF8SzT+IZIXZUbFYbBNxs7UF
        1W9FGjz0s6dxcKzBSEasMxHcbHA/oPM5ytr55D6dDZ9E2rRswYMYSk7uEDyGOSmR
        yphFLTEn9BQWI51qUB8cxvjTFS6Tfq77VL29pIbLVWE6Xnq7+ZbZ0RQuzIQ2fv9S
        UII5jAY7VwGoJB2OHTSco1RajXtUL9lsh3kaFxckWToRW4EkfWJ5uNDR4EWEeHyd
        laRywJ3oPuhgtxOB+JVtNajOyaBO7uQ2EY7ctIKVoVMSVymycBbIdqzGU7xmTYsI
        Q57D2ILJgWPKdeJ/RdBgm5AhaQ==
        -----END CERTIFICATE-----
        """,
        key: """
        -----BEGIN PRIVATE KEY-----
        MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDn5/RTUCBtZC8n
        38uMzV1b+wx5LbO/vsAHffSNRVTJh5C+vPr2nl3WufCOHSQIRwmZWU5+CcNhR0sG
        NkSAj9vL+OR+k0gvsq02JGBvAdCREbA8rmKbts9kFZr2qVh0QS5uaCSeHTFJdq5D
        RAmqPPckkM61YOMtUBR/cYJbT3+J3ngIyT/i7dzJxRGDyftp1o674TZkznecnFJy
        RbczgKaX9va+tEF/mfWucxXVObye/24Q/mAeERsvUxK8CQRQYOAKFH+OA2asd/cC
        wiTXC0kMSjCvyenqozG53wywDDBiIHcTDpOcYpxzFr1qUbp5cQUD0MKYiy2WE8Q2
        q4q11v4zAgMBAAECggEAIf6vozLgvghsnTTCOu6z29LuXikj61zD+5UsLzVVm4FC
        56L+Sv6mFN8G8140NP5s2szro7A8strnlY6I9iugdcMTg7aFY3CW0ZP9iuhCMbHd
        GtgZXmgq+KnuIHBspgYUD1022PLAkdtS6ktj+0+ajwKnOpFsW+0cRB5YlJgPwx7R
        FgI57u6QlX9ngyh8wh4NxjyleDOsBI+k5KQVXPpBG0IGN7MFtGgE5IuI00mzsM3L
        Mp7F+NY+hjudSfcrCRiOmvognzkdARy7OxJWwAqjQ38hSHlAGafd3kS6G06ss5W3
        eW+DA8csqJCWhcQr+/qJLcA3s/zdDvCiVD1qJJg9uQKBgQD6HdzfIvAni86m02px
        /zo34azP3hAJGnzViDGeWoHKLtSp8bdyXK8FXIzpYaXPTwmlq+heLzcOnbtw5z1M
        MzIJjYyiXiBCYk3kgKMTEcTcl2X8ZxvJwPmgOKkBS7tWhHuPABEb31I14+uRA/gf
        9rVECmPeKzLQ6KIrEP91cU7ADwKBgQDtXG6oZnFsVWLDn1h6PPE9gMrAhKKNhPu3
        GrXYfjEkXwf8i+9r5ALOhCT4p2tYBWNiAVHJxWIFM4zuxeNGe69WubF4lZtZGTht
        D5OMmq62eqMBGumj6MAmucRv9SY961RnVlrNDiWFLxJ4GFyYPdzzuss2H0DwGGMl
        9Frg9Xx7nQKBgHL6LWHKHtofE+VuxL0Y1fuAW7/G1lpI+d/zVtPzyTxXYN2qx2jk
        IHT3gbN7dwygyc+GAjDhxY6LhfI16uDPnA32KxMs7+l0ZVhIpi6K+ZNqabCo+YY6
        lsZHpbF5zenMxzwKjNLiS1mIp+6nA3Y2JEfd+uDTvO16M6pWiwjDCK+TAoGABNIS
        wULLXOrjBZwP3POt5pTeCUjoUD16Kz7UoJ/3eYigjeV9qFBKKk2OvqoPyQra+NuU
        AKgMlJR2cUb9lanfZsCAtTU8oXOcrMJbOcjOcZBODTCxvA13EZJGRgvRigJkhXDA
        iVeXNXw+QMgl4UWoXh7WD7RUykuEf/nVeqohrBUCgYAeEe1zEvI7z0mmYpG9o4+e
        oMlCl4+4NA9jsEARGIUY0daeMjW2nEMMAvn55g5VLqk4TdqvQpp49KKhwvi6WsAU
        iLfKXNh2xCb1kaMowaJvvqS3dcj6fUfkrjHcpyo5GhBchm3JHmnzCHvUjRhstr0W
        Af+0HFchpkMT7IzfIG+Ywg==
        -----END PRIVATE KEY-----
        """
    )

    static let short = (
        certificate: """
        -----BEGIN CERTIFICATE-----
        MIICuzCCAaOgAwIBAgIUNaPRdZaWmyFQVORhygd6tUklfUkwDQYJKoZIhvcNAQEL
        BQAwIjEgMB4GA1UEAwwXQ29vcCB0ZXN0IFJTQSBhdXRob3JpdHkwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMBoxGDAWBgNVBAMMD2FwaS5leGFtcGxl
        LmNvbTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEA7M+uJK2ODENWbR25A2Ph
        gTDQErcPACYxEZGBR+vVz6d6lvmPawTX6PqMK6lK58jNQIrb5OBKtCdENu7oxW4h
        OQOeD5b8qBRlZ3V1U+gEwTKMG6CRpRkjfrTqHx+/lebBel7uPKDwLlmo1Ttxl7ol
        XX/nNjyNFpO792iD5vQ+WR0CAwEAAaNzMHEwGgYDVR0RBBMwEYIPYXBpLmV4YW1w
        bGUuY29tMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBTR7+cksZpHTJg1
        ofqth6mFPtVzJjAfBgNVHSMEGDAWgBSEvshJpWGYku29E5mlEjEjrdEUgzANBgkq
        hkiG9w0BAQsFAAOCAQEAAGEIa3vxEhlDA+dEwFab/97yl5tOR5YlfXjr4F+5VoNQ
        sg3lcwTLu8U34Fr6yPYKI2R8Jy1nZBgt/HeN3dT/+6rsMA1ALhYvrKfLHwvb3Vv6
        9P/YGAXi/AbIeCIk/xKUJRr4v+iU577V3UvarSNudFq1ZFqE/oSDUpp8FYQ4xNMX
        111xGuitbHJTR+xWBSYDUuOzHEyRP54BGbfQb/LRwQ6OaosvYmSFee/oEQyAcq6y
        X/4BrkwKOXD9alO+Y1VY7GjQXijV7zECQEPly49UKBU+CI9NxbGRIoqcuuxdDVPu
        NuHiAtVi6ZroEyMu9D2ETZyRFYTB59P0TBKHHXnuCQ==
        -----END CERTIFICATE-----
        """,
        key: """
        -----BEGIN PRIVATE KEY-----
        MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAOzPriStjgxDVm0d
        uQNj4YEw0BK3DwAmMRGRgUfr1c+nepb5j2sE1+j6jCupSufIzUCK2+TgSrQnRDbu
        6MVuITkDng+W/KgUZWd1dVPoBMEyjBugkaUZI3606h8fv5XmwXpe7jyg8C5ZqNU7
        cZe6JV1/5zY8jRaTu/dog+b0PlkdAgMBAAECgYBIMwVn/1YYnQsjl3VJ+FDPf59g
        pVk4dWxua8tbryZv+iLhFtNIEKD3UjQcN7AzvL//Vpa2UD/Wb0ZX7T0gvHP6BMwO
        r94puRbrlmsrh88PgGRCtrP35IpfjBxQyd9noTAnZ+3KADk33Dx4iAA2YZA0Mwuf
        EwzhMf+bCKodGAEH4QJBAP63tI3x5P2UzABoqgP3BBK9vY1hvcKfLQkcNfF8uZhF
        pNrKi1lq5Dhd0pRv1x5iSMn30hmd06gwpEarbQDYLhkCQQDuAOVu8GzsjVWthAxQ
        b+OKynITQVihJPT4BpSUW+BVtmqfh4NVs3AcwNWFmJKGo9xVfMWdnJtge8U1VL6l
        7BulAkEAqBC6V3Yl65OETzjABUG1NFBxg5ncRVAVvQ8aIK51Hx3EuoAuFd/Lmc1+
        Jmbs/6VF9c1ImZJjl3QQ0HhHwejh8QJANJmWG1KfgBgsW1DXt99ClqXvWDoU8GhO
        i5JIvBEiH09VeTRl3kbt/CzSA9iYaZFFXM9ajV7TKBuylfrIt7ra0QJBAKm95cWF
        a+6reRBJC85YVmd+a/EICmMjTDK9ldbEVJVwssvSuGHVf1LdrOpBftUicugxbDho
        o9GqzkgAUU6EV9M=
        -----END PRIVATE KEY-----
        """
    )

    static let client = (
        certificate: """
        -----BEGIN CERTIFICATE-----
        MIIDPzCCAiegAwIBAgIUZFPIrz2LQP/qK3FczowQ8VeWK6QwDQYJKoZIhvcNAQEL
        BQAwIjEgMB4GA1UEAwwXQ29vcCB0ZXN0IFJTQSBhdXRob3JpdHkwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMBoxGDAWBgNVBAMMD2FwaS5leGFtcGxl
        LmNvbTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBANRUVXcpd3rtHP0R
        dSmuZ9impz9R9xYwTUeufiN5fHkZtJ9idNC4YqkF48Urjbcz1Q/vBnRb1v3trTIl
        fp1/fZbRIyfXl3gwZCQwIoqsEdDR9lmVzWR2c4148PxXcJ58Vi9p9WKOmzJYGBnG
        1JogqEv7HMnrLHH1Xri5lgguMoFrQQQ/6iyM+oretTXWzkr/Lz/zV51wAISAgiw+
        idkT7vw/vfyaEGSXKgRyYscA6VnJ1sMoZG46kGEETiXfjQQI3Pcb/vOeXI/logNQ
        5pEcIztA30HlA3SCa/qJ8JCc+ydShTJ1V/tmIf4ASGkiZJwB4yHUUah43hLVjMAq
        hlDwm6ECAwEAAaNzMHEwGgYDVR0RBBMwEYIPYXBpLmV4YW1wbGUuY29tMBMGA1Ud
        JQQMMAoGCCsGAQUFBwMCMB0GA1UdDgQWBBRBO57Y9sn7jEiU/GaaQkViCCq9HjAf
        BgNVHSMEGDAWgBSEvshJpWGYku29E5mlEjEjrdEUgzANBgkqhkiG9w0BAQsFAAOC
        AQEArgrwXtGluKHNZ6xzxLQ38loTjOOj5B3xenHfCWBG6bS709UFwdJz3FhwSJgW
        h6filSCGwm1C5twxkg+s+Y1uZv8mtJUzeohkm/D8aC2I593vpsUxgn+YEsgQjzpp
        At4E6OvCQkY41P0jowCbImwpb9VFRyQgTp9io+6L76nhYu8okOB3ji4JW0P4wcnd
        1i8eHGN396VeoQuXGqvGKYKXvRD/BlxDbBBcXSKc/krGZZYHfR+TQaS3WnNUjKl6
        M2zzbSrHirUJAr7QZRmlreLnbGlhZ5bID03N5EcB/QnmQw4fzrZVYid4jKU7xzc9
        GSZcq0SOP2yuvccnfX+xRZ/JwQ==
        -----END CERTIFICATE-----
        """,
        key: """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDUVFV3KXd67Rz9
        EXUprmfYpqc/UfcWME1Hrn4jeXx5GbSfYnTQuGKpBePFK423M9UP7wZ0W9b97a0y
        JX6df32W0SMn15d4MGQkMCKKrBHQ0fZZlc1kdnONePD8V3CefFYvafVijpsyWBgZ
        xtSaIKhL+xzJ6yxx9V64uZYILjKBa0EEP+osjPqK3rU11s5K/y8/81edcACEgIIs
        PonZE+78P738mhBklyoEcmLHAOlZydbDKGRuOpBhBE4l340ECNz3G/7znlyP5aID
        UOaRHCM7QN9B5QN0gmv6ifCQnPsnUoUydVf7ZiH+AEhpImScAeMh1FGoeN4S1YzA
        KoZQ8JuhAgMBAAECggEAZBmIGz/82IKNjo8a5bYXtg9HPLZXHupRnJAaXn4JHQxt
        11Ay0y2CMb4ZldxFGNACS9s7d0LO1fKlmsULbpPqsN3SzZc5jQt/QoJA3pBla8V4
        dt6FMK4ZJuKT9dsBOG5UsVCqQzcI2pCmeAyBMVJhFUUC2vyYfPcZG0w++4dP/yul
        FWgBUNNygUkd0zpLj1SvdMigbax8/2E9vdzEg8N08L+9H/EC7WiqAem7z24VqX3/
        OwkonQiBNu8C9UwwZ+wrfrGpWMf1Oswxteev67LGsBwI9Y4muShYvXWvoxk9CNdL
        JUaMGWf3Sm6hBpDuVksjDrLLQ6QgCIAtUx+wAqRcAwKBgQD+cLJUi2zd/5onhmMt
        gkyVZHcjPJ1BPVxvZ24h4HywfyXDsKYBDoTdwvMJishN+xy0pHrkX8vecvbXmlrW
        a6nIhfuyTdE40FMj5v9PnEvL5wfADGnhPUIp6PCVmfE8/NUGRPkejo7SsLUoi/qK
        wQrgNFSh4LHUTlFFdckKpeETxwKBgQDVoY0StT/ReCByjhaTsyPrG4MwDgIQyBPJ
        ZdfOamECF6D6ZyVfngczKGGkc6QeHBUkZexpmsd7m/KLK3Tj1ZgR3K2CMuRvVCCw
        JbYgQYNgPcI4nLlxtN/e/VdPGaVdqVRepVos1usl+CuycfFedmBZYNQ9GSCwM7e9
        Cmo083AFVwKBgGLbeH4eucq7P7KxpSEOaiD1KtDXASZS5/Ik1oZ1CR0uGYchwC3S
        7U6YKwN/F3os4adR7KmEitpAAqYcQ8ThidLuM6/ASlTvpA3j9ziAOnbbqYg1ioHH
        4kgUSD1n1XHjrgTEkaIMs3Mq0wgQ8uQsQsR/sI5AlfcuAqehLt5jOsMLAoGBALOx
        vg5ccx/pIbH6HreCWdYrQEAtqEMhaLNhfRNdm9e8tGWsWV2CeZ/oealwtD23dXk2
        WpPB48XvuSajGSGDyvRLYY9A67FRXGWOcxHSyYUsrbAc9EfW0vCovMYGVnjgM92g
        zKcm6Ij5pRfmjBbfD9BeiGgUONC9z/GtTwTXOATlAoGAFFj3VOm/kvsyUnV/Sj0Y
        xb3zBQEvHRgghQ8VNVZbMDJfcTnKQ6WNNGcz6e2kUEcwt0+9jsHlQiYGkOLvrFG0
        ZZxjVI0nn74tACMTh7xP48s5xzu5wWuDbPleXipMbCadT+lIlepcOyGEAblHhWyN
        f8kggHEQzh/xbJTxxsbelo4=
        -----END PRIVATE KEY-----
        """
    )

    static let selfSigned = (
        certificate: """
        -----BEGIN CERTIFICATE-----
        MIIDEjCCAfqgAwIBAgIUNtvBH6Ntcy8Z/0NMMa4gcdOg/5YwDQYJKoZIhvcNAQEL
        BQAwGjEYMBYGA1UEAwwPYXBpLmV4YW1wbGUuY29tMCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMDAwMTAxMDAwMDAwWjAaMRgwFgYDVQQDDA9hcGkuZXhhbXBsZS5jb20wggEi
        MA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDYvbiRXB9rRPQSe3QK8uPs7Ytv
        WiCI41L2KxH3eflxvvVRq9n2f1FhvCAfPtMOAVRJfNk2yvIpLuXIwdPYcBVmVEpE
        BYC/Bw+fEqX+od5lhsWpnvIJj8QRftLRmaBiHzA9V93bmL/d2/C2OtYHj77EglA8
        HDERTbwKSZQ9YDeMppYgkX02r5oa3B+AHZEYa0Mj0MnhO9RFRNr9PnucP0/sYwsh
        bfG9QOfYvekpjICoCqSFFdIzmnlXLep+zXHYaIzjnyA7A9yzoBWlRzPPLMrMFOBz
        55zLrsZx8K9NXIz59W5vCk0fkNHHyT00wozCJ96VwSgDoaZq/r3Z9Sbs4t1LAgMB
        AAGjTjBMMB0GA1UdDgQWBBQtlNzTsR03fMexIcv5sKwQPZVEfDAPBgNVHRMBAf8E
        BTADAQH/MBoGA1UdEQQTMBGCD2FwaS5leGFtcGxlLmNvbTANBgkqhkiG9w0BAQsF
        AAOCAQEAfCQH5iCuQMVDJM+glGHPKEyrVIM89tmrXjqaNyHM8raJ3Eu7mHIdvozs
        VI2LS5o5WuJoa0Z61xkT1PZxKXun2R9N0LAzcG5fGSKQgoot1+F/+Mi/7REi6cxh
        PKbEOHDbDPs+PtVRh3AMlvIk/xveDIUr9KG3dY53jMnU6iN8bt3AuA4HwX1l8Kl+
        aGRvOhRazeI5+J/z5MXyJ8QwJiT0KspKxZb/eAPONa5+J1BbdbcN0Ur8VIyZPiGc
        uNyjgietbIUfoJfcGtxtwTpcu0LyhipAhoJcfm4ubAbbq3ZcIkaVvZMtC442qAIW
        PbUMBLKNtjCYeSv8cJqwDJEXN3h1Wg==
        -----END CERTIFICATE-----
        """,
        key: """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDYvbiRXB9rRPQS
        e3QK8uPs7YtvWiCI41L2KxH3eflxvvVRq9n2f1FhvCAfPtMOAVRJfNk2yvIpLuXI
        wdPYcBVmVEpEBYC/Bw+fEqX+od5lhsWpnvIJj8QRftLRmaBiHzA9V93bmL/d2/C2
        OtYHj77EglA8HDERTbwKSZQ9YDeMppYgkX02r5oa3B+AHZEYa0Mj0MnhO9RFRNr9
        PnucP0/sYwshbfG9QOfYvekpjICoCqSFFdIzmnlXLep+zXHYaIzjnyA7A9yzoBWl
        RzPPLMrMFOBz55zLrsZx8K9NXIz59W5vCk0fkNHHyT00wozCJ96VwSgDoaZq/r3Z
        9Sbs4t1LAgMBAAECggEAG2CPjTuOiRgFynCHSRDC2JJtepcZpUuC7FmmudSm57Fq
        vwe5jvN9vfOA4owm0E3mWH1UL0x1nTJxelPSuglNCAbH9g1J5MH0Elr31mZE4hx4
        IEOq/VPdvNCruX0HGg3SzpTS5HedbgfnlmUafuGvLkGVopofBTlanLlhklpyedSf
        fx9pm3cNKUnZi5cjwkl/sth+DD4dH3WO11l2a+elYbeaWbZKYI+mzw+FT0JpAjb1
        Aom1ApMA9NaKfZTzyDr4DPBA3n7/VsdqPoHTJ+nAmNTt+6txX81s2swGrqjGhjgq
        tbr9qlmkbxkCbqcSbO5vbAcOIcURHsTr3b8P58EQQQKBgQDtdNpErnfEnhZI93O3
        MkdkfaouN+3HYiVS6FTFd1Tf1ic63a4keKHU08Wjy0G79JZC5/yshgahUSx/E935
        H4gf+RS0QiH6EnFq/xswvj7CiikZCOlUbLhV2QqcOL6KEzXO++7rV9u082cvUOwK
        lHM34CqHpj2/Ps1oEzf0Fo6uwQKBgQDpqrvssWj6zuSfok3+cvlAML6OCCAZsWP/
        +s2WX4a+PjWgYijJ2v9CZQmeXGtiukT4z1gdE9HCZC/WdwoBCF8HGXGxboTbxsIe
        v4Hnzxa5Re4ao3GJq9UOkG3Vrx+kX/z210a3Qs3amiC0SSb/fEOQZKTFAXXaYpp9
        ilMd8BMbCwKBgQDs0ZqR3vKhzAxrrybf8SwUg+PC/pKNREv3GLDa0315U6qCYe44
        f3reuGonRiKD4pYtmhJ8uZpJLpzTDCxYNeNcB91nPYGHVvd4f35NqZ8MBCCi0Cls
        wpVBQRn83fbh2/DRQp9wZYpAOHSTUwBmONGES3P/H4P7hRX0kx49uHWKwQKBgQCp
        ADt7LbVn8UuZyaHvbuinbJnl0Cqnao2RDqyzHdQutH/EyDoIBMSqGLmkN+PTPDW2
        XwCzxynnFt8ilmY96PgSAm0gj3a4HkE4S/qA1l7xEYrs6Vms4QLvzbYi3s5b7LDh
        N0KGOWL5wI/21RHHpvCW9rPVaQD8OmTSd8E13fVzkQKBgFlMU5dJxQjNzF2telGZ
        upAqEffU8CXt3Yggif6V2JsfyDzfS6Q2BqBP8G/HIAuzlyStMqHv7ft5LXK04Jy1
        wDFZRZro/gCXR2sTkDyb/mrJKAlIEtbb8uealtnYRbeEHvXjPVHiXMRF1wZw9aQx
        LMHJ1oM+yjm1i/rEz+iqPoBQ
        -----END PRIVATE KEY-----
        """
    )
}

# Reads what guest.sh says on the serial port; prints each test's lines and the sum. Exit code 1 when a test failed,
# when none ran, or when the machine went off before the last one.
function result(good, name) {
    if (good) passed++; else failed++
    seen++
    printf "%s %s (%s)\n", good ? "ok" : "not ok", name, where
    fflush()
}
{ sub(/\r$/, "") }
$1 == "@@" && $2 == "booted" { printf "# booted in %s s, Linux %s\n", $3, $4; fflush(); next }
$1 == "@@" && $2 == "start" { where = $3; test = $4; seen = 0; next }
$1 == "@@" && $2 == "end" {
    where = $3; test = $4
    if ($5 == 124 || $5 == 137) result(0, test " - took too long")
    else if ($5 != 0) result(0, test " - ended with exit code " $5)
    else if (seen == 0) result(0, test " - has not said anything")
    printf "# %s, %s: %.1f s\n", test, $3, $7 - $6; fflush()
    test = ""
    next
}
$1 == "@@" && $2 == "done" { done = 1; next }
$1 == "@@" && $2 == "off" { off = $3; next }
/^ok .*# skip/ { sub(/^ok /, ""); seen++; skipped++; printf "ok %s (%s)\n", $0, where; fflush(); next }
/^ok / { sub(/^ok /, ""); result(1, $0); next }
/^not ok / { sub(/^not ok /, ""); result(0, $0); next }
NF { print "  " $0; fflush() }
END {
    if (!done) {
        where = "VM"
        result(0, test == "" ? (off == 124 ? "the run - took too long" : "the machine went off early") : \
            test " - the machine " (off == 124 ? "was stopped: the run took too long" : "went off during it"))
    }
    if (skipped) printf "%d skipped, ", skipped
    printf "%d passed, %d failed\n", passed, failed
    exit (failed > 0 || passed == 0)
}

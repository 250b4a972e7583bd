# Where an administrator has switched user namespaces off, the doctor names the switch and a run says how to set it.
# contexts: root
. "$COOP_VM_LIB"

# As the user whom the setting concerns.
as_user() { setpriv --reuid=1000 --regid=1000 --init-groups env HOME=/home/cooptest "$@"; }
cd /home/cooptest || exit 99

refuses() {  # refuses SETTING VALUE
    before=$(sysctl -n "$1")
    # `ends` and its like have variables of their own.
    setting=$1
    sysctl -q -w "$1=$2"
    ends "$setting: doctor says that no sandbox can be made" 4 as_user coop doctor
    says "$setting: and names it" out "$setting is $2"
    says "$setting: with the remedy" out "Fix: sudo sysctl -w $setting=[1-9]"
    ends "$setting: doctor --json too" 4 as_user coop doctor --json
    says "$setting: as a finding" out '"severity" : "blocking"'
    says "$setting: and not ready" out '"ready" : false'
    ends "$setting: a run is refused" 125 as_user coop run --workspace none -- sh -c 'echo ran'
    equal "$setting: nothing ran" "" "$(cat out)"
    says "$setting: it says why" err "^coop: .*$setting is $2"
    says "$setting: it says what to do" err "^Next: sudo sysctl -w $setting=[1-9]"
    sysctl -q -w "$1=$before"
    ends "$setting: set back, it runs" 0 as_user coop run --workspace none -- true
}
refuses kernel.unprivileged_userns_clone 0
refuses user.max_user_namespaces 0

# Only root's own sandboxes do without the first.
sysctl -q -w kernel.unprivileged_userns_clone=0
cd /root || exit 99
ends "root is not concerned by kernel.unprivileged_userns_clone" 0 coop run --workspace none -- true
sysctl -q -w kernel.unprivileged_userns_clone=1
no_cgroup_left "no cgroup of coop's is left"

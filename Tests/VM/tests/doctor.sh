# doctor prints each layer as it is found from inside, and a fix for what is missing.
# contexts: session root alone
. "$COOP_VM_LIB"

wanted=0
[ "$COOP_VM_CONTEXT" != alone ] || wanted='1 4'
ends "doctor ends with what it found" "$wanted" coop doctor
tr A-Z a-z <out >lower
for layer in "user namespace" cgroup seccomp landlock network; do says "doctor names: $layer" lower "$layer"; done
[ "$COOP_VM_CONTEXT" != alone ] || says "a missing layer has its fix" out '(Next:|[Ff]ix:|sudo |loginctl|systemctl)'

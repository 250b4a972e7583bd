# doctor prints each layer as it is found from inside, and a fix for what is missing.
# contexts: session user root alone
. "$COOP_VM_LIB"

ends "sandboxes work here" 0 coop doctor
says "and it says so" out '^Sandboxes work here\.$'
for layer in user-namespace mount-namespace pid-namespace network-namespace ipc-namespace uts-namespace root proc capabilities seccomp; do
    says "$layer is in force, and probed" out "^ok +$layer: .*\(probed\)"
done
for layer in cgroup-namespace time-namespace pids; do says "$layer is in force" out "^ok +$layer: "; done
# This kernel has version 2, which knows neither truncation nor scopes.
says "an old Landlock is called weaker" out '^weaker +landlock: version [2-5]; .*Linux 6\.12'
if [ "$COOP_VM_CONTEXT" = alone ]; then
    says "a missing cgroup is named" out '^missing +cpu: .*--cpus is refused'
    says "and what it means" out 'no cgroup can be made for memory, cpu, pids'
    says "with its fix" out 'Fix: sudo loginctl enable-linger 1001'
else
    says "memory can be limited by cgroup" out '^ok +memory: by cgroup'
    says "processors too" out '^ok +cpu: by cgroup'
fi
says "missing subordinate ids have their fix" out 'Fix: sudo (usermod --add-subuids|apt-get install uidmap)'
ends "doctor --json succeeds" 0 coop doctor --json
equal "in the second line" '  "version" : 1,' "$(sed -n 2p out)"
says "it is ready" out '"ready" : true'
no_cgroup_left "doctor leaves no cgroup"

# The least that must work on a machine with cgroup v2: a command runs, and its exit code comes out.
# contexts: session user root alone
. "$COOP_VM_LIB"

ends "a command that succeeds ends with 0" 0 coop run -- true
ends "the command's own exit code comes out" 7 coop run -- sh -c 'exit 7'
ends "a command that does not exist ends with 127" 127 coop run -- no-such-command
ends "a signal ends with 128+n" 143 coop run -- sh -c 'kill -TERM $$'
ends "output comes out" 0 coop run -- echo hello
equal "and nothing else" hello "$(cat out)"
no_cgroup_left "no cgroup of coop's is left after the run"

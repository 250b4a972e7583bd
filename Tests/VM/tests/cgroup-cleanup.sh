# Nothing outlives a sandbox: after a kill -9 of everything no process is left after a second, and no cgroup after the next
# command of coop's.
# contexts: session user root
. "$COOP_VM_LIB"

coop run --memory 128M -- sleep 4321 >/dev/null 2>err </dev/null &
runner=$!
within 20 pgrep -f '^sleep 4321'
holds "the sandbox runs in a cgroup of coop's" sh -c "[ -n \"\$(. \"$COOP_VM_LIB\"; coop_cgroups)\" ]"
kill -KILL "$runner"
wait "$runner" 2>/dev/null
# A second on a machine; emulated ones are given five.
holds "kill -9 of coop leaves no process" within 5 sh -c '! pgrep -f "^sleep 4321"'
ends "the next command sweeps" 0 coop ps
equal "and lists no sandbox" 1 "$(wc -l <out)"
equal "without a complaint" "" "$(cat err)"
no_cgroup_left "no cgroup is left after it"
equal "nor a record" "" "$(ls -A "$HOME/.coop/run")"

coop run --memory 128M -- sh -c 'sleep 4322 & sleep 4323 & wait' >/dev/null 2>err </dev/null &
runner=$!
within 20 pgrep -f '^sleep 4323'
kill -TERM "$runner"
wait "$runner" 2>/dev/null
holds "TERM leaves no process" within 5 sh -c '! pgrep -f "^sleep 432"'
no_cgroup_left "and no cgroup"

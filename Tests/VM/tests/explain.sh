# explain says which hierarchy enforces what, before anything runs.
# contexts: session user root
. "$COOP_VM_LIB"

ends "explain --json succeeds" 0 coop explain --json --memory 64M --pids 32 --cpus 0.5 -- true
cat >layers.py <<'PY'
import json, sys

report = json.load(open("out"))
print("version", "version" in report and next(iter(report)) == "version")

layers = {layer["layer"]: layer for layer in report["layers"]}
for name in ("memory", "pids", "cpu"):
    print(name, layers[name]["strength"], layers[name]["detail"])
PY
python3 layers.py >layers 2>&1
says "its first field is version" layers '^version True'
for layer in memory pids cpu; do says "$layer is enforced by cgroup" layers "^$layer enforced .*by cgroup"; done
no_cgroup_left "explain leaves no cgroup"

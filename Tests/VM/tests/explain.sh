# explain says which hierarchy enforces what, before anything runs.
# contexts: session user root
. "$COOP_VM_LIB"

ends "explain --json succeeds" 0 coop explain --json --memory 64M --pids 32 --cpus 0.5 -- true
cat >layers.py <<'PY'
import json, sys

report = json.load(open("out"))
print("version", "version" in report and next(iter(report)) == "version")

def objects(value):
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from objects(part)
    elif isinstance(value, list):
        for part in value:
            yield from objects(part)

def names(value):
    return {part.lower() for part in value.values() if isinstance(part, str)}

# The layer's object: named memory, pids or cpu, or a member of that name, and saying both cgroup and enforced.
for layer in ("memory", "pids", "cpu"):
    found = []
    for value in objects(report):
        if names(value) & {layer, "limit-" + layer, layer + " limit", "cpus" if layer == "cpu" else layer}:
            found.append(value)
        for key, part in value.items():
            if key.lower() in (layer, "cpus" if layer == "cpu" else layer) and isinstance(part, dict):
                found.append(part)
    texts = [json.dumps(value).lower() for value in found]
    print(layer, any("cgroup" in text and "enforced" in text for text in texts))
PY
python3 layers.py >layers 2>&1
says "its first field is version" layers '^version True'
for layer in memory pids cpu; do says "$layer is enforced by cgroup" layers "^$layer True"; done
no_cgroup_left "explain leaves no cgroup"

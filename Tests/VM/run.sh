#!/bin/sh
# run.sh [--keep] BIN_DIR TEST...: boots the test VM with the programs of BIN_DIR (static: coop, coop-warden, coop-gateway) in its
# PATH, runs the tests in it, prints their lines and 'N passed, N failed', and fails when one failed or none ran.
#
#   --keep                 leaves the logs and drives of the run in place and prints where
#   COOP_VM_TIMEOUT=1800   seconds for the whole run        COOP_VM_TEST_TIMEOUT=240 for one test in one context
#   COOP_VM_ACCEL=tcg      qemu's accelerator; kvm where the machine has one
#   COOP_VM_DIR            where the image is, see build-image.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
keep=
[ "${1:-}" != --keep ] || { keep=yes; shift; }
if [ $# -lt 2 ]; then
    echo "usage: run.sh [--keep] BIN_DIR TEST..." >&2
    exit 2
fi
binaries=$1
shift
PATH=$PATH:/usr/sbin:/sbin
image=${COOP_VM_DIR:-$here/../../.build/vm}
for file in vmlinuz initrd root.ext4; do
    [ -f "$image/$file" ] || { echo "test-vm: no image in $image" >&2; echo "Next: $here/build-image.sh" >&2; exit 1; }
done
for program in coop coop-warden coop-gateway; do
    [ -x "$binaries/$program" ] || { echo "test-vm: no $program in $binaries" >&2; echo "Next: swift build" >&2; exit 1; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/coop-vm.XXXXXX")
# Whoever interrupts the run wants the machine off as well: it would go on for as long as it may.
finish() {
    code=$?
    trap '' HUP INT TERM
    if [ -s "$work/machine" ] && kill "$(cat "$work/machine")" 2>/dev/null; then wait; fi
    if [ -n "$keep" ]; then echo "test-vm: kept $work" >&2; else rm -rf "$work"; fi
    exit "$code"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The second drive: programs and tests, read-only.
payload=$work/payload
mkdir -p "$payload/bin" "$payload/tests"
cp -L "$binaries"/coop "$binaries"/coop-warden "$binaries"/coop-gateway "$payload/bin/"
# As they are installed: what only a debugger reads would not fit into the machine.
strip "$payload"/bin/coop*
# A test may bring a program of its own (`# needs: NAME`), which the caller put beside coop.
for test in "$@"; do
    cp "$test" "$payload/tests/"
    for extra in $(sed -n 's/^# needs: //p' "$test"); do
        [ -x "$binaries/$extra" ] || { echo "test-vm: $test needs $extra in $binaries" >&2; exit 1; }
        cp -L "$binaries/$extra" "$payload/bin/"
    done
done
cp "$here/guest.sh" "$here/lib.sh" "$payload/"
echo "${COOP_VM_TEST_TIMEOUT:-240}" >"$payload/seconds"
chmod -R a+rX "$payload"
size=$(du -sm "$payload" | cut -f 1)
mke2fs -q -t ext4 -d "$payload" -m 0 -O ^has_journal -E root_owner=0:0 "$work/payload.ext4" "$((size + size / 8 + 16))M" >/dev/null

# q35 under software emulation: no virtualisation is needed of the machine. Everything written to the root drive goes
# to a temporary overlay (snapshot), so that every run starts from the same state. The console is a file; what the
# tests say comes from the second serial port.
# mawk reads from a pipe in blocks unless told otherwise: nothing would be seen of the run until its end.
interactive=
case $(awk -W version 2>&1 </dev/null | head -n 1) in mawk*) interactive="-W interactive" ;; esac
accel=${COOP_VM_ACCEL:-tcg,thread=multi}
[ "$accel" != tcg ] || accel=tcg,thread=multi
(
    code=0
    TMPDIR=$work timeout --kill-after=10 "${COOP_VM_TIMEOUT:-1800}" qemu-system-x86_64 \
        -machine q35 -accel "$accel" -cpu max -smp 2 -m 2048 -nodefaults -no-user-config -display none -nic none -no-reboot \
        -kernel "$image/vmlinuz" -initrd "$image/initrd" \
        -append "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off systemd.show_status=false systemd.unified_cgroup_hierarchy=1" \
        -drive "if=none,id=root,file=$image/root.ext4,format=raw,snapshot=on" -device virtio-blk-pci,drive=root \
        -drive "if=none,id=payload,file=$work/payload.ext4,format=raw,readonly=on" -device virtio-blk-pci,drive=payload \
        -device virtio-rng-pci -serial "file:$work/console.log" -chardev stdio,id=report,signal=off -serial chardev:report \
        </dev/null 2>"$work/qemu.log" &
    echo $! >"$work/machine"
    wait $! || code=$?
    rm "$work/machine"
    echo "@@ off $code"
) | tee "$work/report.log" | awk $interactive -f "$here/report.awk" &
# In the background, because a shell hears a signal only between commands, and while it waits.
wait $! && exit 0

# Something went wrong: the ends of the logs say what, where the tests themselves did not.
if ! grep -q '^@@ done' "$work/report.log"; then
    echo "--- console ---" >&2
    tail -n 20 "$work/console.log" >&2 || true
    cat "$work/qemu.log" >&2 || true
fi
exit 1

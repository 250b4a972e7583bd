#!/bin/sh
# Builds, once, what the test VM boots from: .build/vm/{vmlinuz,initrd,root.ext4}. The next call finds them and is
# done in a second; a change of this file, of the unit files in it or of the kernel's version builds anew.
#
# The packages come from the machine's own apt sources and settings. Debian's kernel package is unpacked, never
# installed: its hooks would rebuild this machine's boot files.
#
# Works as root, or as an ordinary user with subordinate ids (/etc/subuid) and newuidmap.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
output=${COOP_VM_DIR:-$here/../../.build/vm}
mkdir -p "$output"
output=$(cd "$output" && pwd)
PATH=$PATH:/usr/sbin:/sbin

fail() { echo "test-vm: $1" >&2; [ -z "${2:-}" ] || echo "Next: $2" >&2; exit 1; }

# The second half runs as root, or as root of a user namespace, over the work directory.
if [ "${1:-}" = --assemble ]; then
    work=$2
    root=$work/root
    mkdir "$root"
    # Device nodes cannot be made in a user namespace; the kernel's devtmpfs brings its own.
    tar --extract --file="$work/root.tar" --directory="$root" --exclude='./dev/*' --numeric-owner
    dpkg-deb --fsys-tarfile "$work"/linux-image-*.deb |
        tar --extract --directory="$root" --no-same-owner --keep-directory-symlink ./boot ./lib/modules
    version=$(cd "$root/lib/modules" && echo *)
    cp "$root/boot/vmlinuz-$version" "$work/vmlinuz"
    rm -r "$root/boot"
    # Never used in a VM without network and sound; they are half of the modules.
    modules=$root/lib/modules/$version
    rm -rf "$modules/kernel/drivers/net" "$modules/kernel/drivers/gpu" "$modules/kernel/drivers/nvme" \
        "$modules/kernel/drivers/scsi" "$modules/kernel/drivers/infiniband" "$modules/kernel/drivers/md"
    chroot "$root" depmod "$version" 2>/dev/null

    # cooptest has a user manager (linger) and so a delegated cgroup; cooplone has none. Neither has subordinate ids.
    chroot "$root" useradd --uid 1000 --create-home --shell /bin/sh cooptest
    chroot "$root" useradd --uid 1001 --create-home --shell /bin/sh cooplone
    rm -f "$root/etc/subuid" "$root/etc/subgid" "$root/etc/subuid-" "$root/etc/subgid-"
    mkdir -p "$root/var/lib/systemd/linger"
    : >"$root/var/lib/systemd/linger/cooptest"

    echo coop-vm >"$root/etc/hostname"
    echo '127.0.0.1 localhost coop-vm' >"$root/etc/hosts"
    echo '/dev/vda / ext4 rw,noatime 0 0' >"$root/etc/fstab"
    # A fixed id spares the first-boot set-up, which takes longer than the rest of the boot.
    echo 00000000000000000000000000000c00 >"$root/etc/machine-id"
    mkdir -p "$root/mnt/payload"
    cat >"$root/etc/systemd/system/vm-tests.service" <<'UNIT'
[Unit]
Description=The tests of the second drive
Wants=user@1000.service dbus.socket systemd-logind.service
After=user@1000.service dbus.socket systemd-logind.service systemd-user-sessions.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mount -o ro /dev/vdb /mnt/payload && exec sh /mnt/payload/guest.sh'
ExecStopPost=/bin/systemctl poweroff --force --force
StandardOutput=journal+console
StandardError=journal+console
UNIT
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s ../vm-tests.service "$root/etc/systemd/system/multi-user.target.wants/vm-tests.service"
    ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
    for unit in getty.target serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
        fstrim.timer e2scrub_all.timer e2scrub_reap.service systemd-timesyncd.service systemd-resolved.service \
        systemd-networkd.service systemd-udev-settle.service systemd-update-utmp.service systemd-pstore.service \
        systemd-random-seed.service systemd-journal-flush.service ldconfig.service modprobe@drm.service \
        modprobe@efi_pstore.service systemd-rfkill.service systemd-binfmt.service; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done

    # The kernel package has its disk driver as a module: a first stage of busybox loads it and goes on to the disk.
    first=$work/first
    mkdir -p "$first/bin" "$first/proc" "$first/sys" "$first/dev" "$first/root" "$first/modules"
    cp "$root/bin/busybox" "$first/bin/busybox"
    : >"$work/order"
    for name in virtio_pci virtio_blk; do
        line=$(grep "/$name.ko" "$modules/modules.dep" | head -n 1)
        # modules.dep names what a module needs from the last to the first to load.
        reversed=
        for path in $(echo "$line" | tr -d ':'); do reversed="$path $reversed"; done
        for path in $reversed; do grep -qx "$path" "$work/order" || echo "$path" >>"$work/order"; done
    done
    index=10
    while read -r path; do
        cp "$modules/$path" "$first/modules/$index-$(basename "$path")"
        index=$((index + 1))
    done <"$work/order"
    cat >"$first/init" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do $b insmod "$module"; done
tries=0
until [ -b /dev/vda ] || [ "$tries" = 100 ]; do $b usleep 50000; tries=$((tries + 1)); done
$b mount -t ext4 -o rw,noatime /dev/vda /root
$b mount --move /dev /root/dev
$b umount /sys /proc
exec $b switch_root /root /lib/systemd/systemd
INIT
    chmod 755 "$first/init"
    mv "$first" "$root/first"
    chroot "$root" /bin/busybox sh -c 'cd /first && busybox find . | busybox cpio -o -H newc' 2>/dev/null | gzip -1 >"$work/initrd"
    rm -r "$root/first"

    size=$(du -sm "$root" | cut -f 1)
    # The same files give the same image: fixed id, hash seed and (through SOURCE_DATE_EPOCH) times. No journal: the
    # drive is thrown away after every run.
    mke2fs -q -t ext4 -d "$root" -m 0 -O ^has_journal -U 00000000-0000-4000-8000-00000000c00b \
        -E hash_seed=00000000-0000-4000-8000-00000000c00b,root_owner=0:0 "$work/root.ext4" "$((size + size / 4 + 64))M" >/dev/null
    rm -rf "$root"
    exit 0
fi

[ "$(uname -m)" = x86_64 ] || fail "the test VM is an x86-64 one, this machine is $(uname -m)"
. /etc/os-release
[ "${ID:-}" = debian ] || fail "the test VM runs Debian's kernel, and this machine's packages are ${ID:-unknown}'s" \
    "run it on Debian 12 or later, or in a Debian container"

kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^  Depends: //p' | head -n 1)
[ -n "$kernel" ] || fail "apt knows no package linux-image-cloud-amd64" "sudo apt-get update"
version=$(apt-cache policy "$kernel" | sed -n 's/^  Candidate: //p')

stamp="$(sha256sum <"$here/build-image.sh" | cut -d ' ' -f 1) $kernel $version"
if [ "$(cat "$output/stamp" 2>/dev/null)" = "$stamp" ] && [ "${1:-}" != --again ]; then exit 0; fi

work=$(mktemp -d "$output/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

echo "test-vm: building the image ($kernel $version)" >&2
# apt's sandbox user cannot write here; that it says so is no failure.
(cd "$work" && apt-get download "$kernel" >/dev/null 2>"$work/apt.log") || {
    cat "$work/apt.log" >&2
    fail "cannot download $kernel" "sudo apt-get update"
}

# Every source of this machine that offers this release of Debian, with the machine's proxy and checks.
sources=
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    if grep -E "^(deb|Suites:) .*\b$VERSION_CODENAME\b" "$file" | grep -q . &&
        grep -Eq "^Components: .*\bmain\b|^deb .*\bmain\b" "$file"; then
        sources="$sources $file"
    fi
done
[ -n "$sources" ] || fail "no apt source of this machine offers $VERSION_CODENAME"
apt-config dump --format '%f "%v";%n' Acquire::http Acquire::https Acquire::Check-Valid-Until Acquire::Check-Date |
    grep -v ' "";$' >"$work/apt.conf" || true

SOURCE_DATE_EPOCH=1704067200
export SOURCE_DATE_EPOCH
# shellcheck disable=SC2086
mmdebstrap --quiet --variant=minbase --format=tar --aptopt="$work/apt.conf" \
    --include=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,python3,git,procps,util-linux,iproute2,nftables,kmod,busybox-static,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    "$VERSION_CODENAME" "$work/root.tar" $sources >"$work/mmdebstrap.log" 2>&1 || {
    tail -n 20 "$work/mmdebstrap.log" >&2
    fail "mmdebstrap failed"
}

if [ "$(id -u)" = 0 ]; then
    sh "$0" --assemble "$work"
else
    unshare --user --map-root-user --map-auto -- sh "$0" --assemble "$work"
fi
rm -f "$output/stamp"
mv "$work/vmlinuz" "$work/initrd" "$work/root.ext4" "$output/"
echo "$stamp" >"$output/stamp"
echo "test-vm: $(du -m "$output/root.ext4" | cut -f 1) MB in $output" >&2

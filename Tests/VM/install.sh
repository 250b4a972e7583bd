#!/bin/sh
# Installs what `make test-vm` needs on Debian or Ubuntu: as root or with sudo, else it says exactly what to install.
set -eu

missing=
need() {  # need COMMAND PACKAGE
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need qemu-system-x86_64 qemu-system-x86
need mmdebstrap mmdebstrap
need mke2fs e2fsprogs
need dpkg-deb dpkg
need unshare util-linux
# The image is put together as root, or by an ordinary user who has subordinate ids.
[ "$(id -u)" = 0 ] || need newuidmap uidmap
# A machine that has never been updated, or whose lists were thrown away, knows no kernel package for the image.
known() { apt-cache show linux-image-cloud-amd64 >/dev/null 2>&1; }
if [ -z "$missing" ] && known; then exit 0; fi

# qemu recommends a desktop's worth of display and sound packages; nothing here uses them.
install="apt-get install --yes --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    become=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    become="sudo -n"
else
    [ -z "$missing" ] || echo "test-vm: these packages are missing:$missing" >&2
    known || echo "test-vm: apt knows no package linux-image-cloud-amd64" >&2
    echo "Next: sudo apt-get update && sudo $install" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
known || $become apt-get update >&2
[ -n "$missing" ] || exit 0
echo "test-vm: installing$missing" >&2
# shellcheck disable=SC2086
$become $install >&2 || { $become apt-get update >&2 && $become $install >&2; }

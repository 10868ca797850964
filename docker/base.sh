#!/bin/sh
# Makes the image `callgate-base:forky`: Debian forky (Asterisk 22.10 LTS lives there, not in bookworm or trixie).
# Pulled where a registry answers, bootstrapped from Debian's own archive where none does. Idempotent.
# An ordinary user's PATH lacks the folders where dockerd and debootstrap are.
PATH=$PATH:/usr/sbin:/sbin
set -eu
image=callgate-base:forky
docker image inspect "$image" >/dev/null 2>&1 && exit 0
if timeout 60 docker pull -q debian:forky-slim >/dev/null 2>&1; then
    docker tag debian:forky-slim "$image"
    exit 0
fi
command -v debootstrap >/dev/null || { echo "callgate: 'debootstrap' is missing. Remedy: apt-get install debootstrap" >&2; exit 5; }
[ "$(id -u)" = 0 ] || { echo "callgate: the base image must be bootstrapped by root (no image registry answers). Remedy: sudo make setup" >&2; exit 5; }
root=$(mktemp -d /tmp/callgate-base.XXXXXX)
trap 'rm -rf "$root"' EXIT
echo "callgate: bootstrapping Debian forky (no image registry answers; about half a minute)" >&2
debootstrap --variant=minbase forky "$root" "" /usr/share/debootstrap/scripts/sid >"$root.log" 2>&1 ||
    { tail -n 5 "$root.log" >&2; echo "callgate: debootstrap failed, its log is $root.log" >&2; exit 4; }
# The stored release file of an archived suite is past its date; the signatures are still checked.
echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/99callgate"
rm -f "$root"/var/cache/apt/archives/*.deb "$root.log"
tar -C "$root" -c . | docker import - "$image" >/dev/null

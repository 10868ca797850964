#!/bin/sh
# Makes sure a Docker daemon answers, without ever starting a second one.
# An ordinary user's PATH lacks the folders where dockerd and debootstrap are.
PATH=$PATH:/usr/sbin:/sbin
set -u
docker info >/dev/null 2>&1 && exit 0
command -v dockerd >/dev/null || { echo "callgate: Docker is missing. Remedy: apt-get install docker.io" >&2; exit 5; }
[ "$(id -u)" = 0 ] || { echo "callgate: no Docker daemon answers you. Remedy: run as root, or 'sudo usermod -aG docker $(id -un)' and log in again" >&2; exit 5; }
if [ -d /run/systemd/system ]; then
    systemctl start docker
elif ! pgrep -x dockerd >/dev/null; then
    setsid -f dockerd >/var/log/callgate-dockerd.log 2>&1 </dev/null
fi
tries=0
until docker info >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo "callgate: the Docker daemon did not come up in 30 s; see /var/log/callgate-dockerd.log" >&2; exit 4; }
    sleep 0.5
done

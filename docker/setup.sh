#!/bin/sh
# Makes .venv with everything pinned, and installs the Debian packages the tests and the lab need. Idempotent.
# Says what it installs; without root it says, in one line, what is missing and how to get it.
# An ordinary user's PATH lacks the folders where dockerd and debootstrap are.
PATH=$PATH:/usr/sbin:/sbin
set -eu
cd "$(dirname "$0")/.."
missing=
need() { # need PACKAGE TEST...
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
need python3-venv /usr/bin/python3 -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))'
need docker.io command -v dockerd
need debootstrap command -v debootstrap
need redis-server command -v redis-server
need gcc command -v gcc
need libc6-dev test -e /usr/include/stdio.h
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "callgate: missing Debian packages:$missing. Remedy: sudo apt-get install$missing" >&2
        exit 5
    fi
    command -v apt-get >/dev/null || { echo "callgate: missing:$missing, and this is not Debian. Remedy: install them, then 'make setup' again" >&2; exit 5; }
    echo "callgate: installing Debian packages:$missing" >&2
    log=$(mktemp /tmp/callgate-apt.XXXXXX)
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 ||
        { tail -n 5 "$log" >&2; echo "callgate: apt-get failed, its log is $log" >&2; exit 4; }
fi
if ! [ -e .venv/.ready ] || [ requirements/dev.txt -nt .venv/.ready ] || [ pyproject.toml -nt .venv/.ready ]; then
    echo "callgate: making .venv from requirements/dev.txt (pinned, hash-checked)" >&2
    [ -x .venv/bin/python ] || /usr/bin/python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    touch .venv/.ready
fi

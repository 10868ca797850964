#!/bin/sh
# Makes Redis 8 and Valkey 9 runnable on this machine: Debian forky's programs with the libraries they were built with,
# taken from a container into .lab/stores. The ledger's tests then run on them as they do on the machine's own Redis:
# CALLGATE_STORE_PROGRAM=.lab/stores/redis-server or .lab/stores/valkey-server. Idempotent.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
stores=$root/.lab/stores
[ -x "$stores/redis-server" ] && [ -x "$stores/valkey-server" ] && exit 0
sh "$root/docker/daemon.sh"
sh "$root/docker/base.sh"
mkdir -p "$stores"
docker run --rm --interactive --volume "$stores:/stores" callgate-base:forky sh -eu <<'INSIDE'
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends redis-server valkey-server >/dev/null
for program in redis-server valkey-server; do
    mkdir -p "/stores/of-$program"
    cp --dereference "/usr/bin/$program" "/stores/of-$program/program"
    # ldd names each library with its place, and last of all the loader itself.
    ldd "/usr/bin/$program" | grep -o '/[^ ]*' | xargs cp --dereference --target-directory "/stores/of-$program"
    loader=$(basename "$(ldd "/usr/bin/$program" | grep -o '/[^ ]*ld-linux[^ ]*')")
    cat >"/stores/$program" <<PROGRAM
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")/of-$program
exec "\$here/$loader" --library-path "\$here" "\$here/program" "\$@"
PROGRAM
    chmod 755 "/stores/$program"
done
INSIDE

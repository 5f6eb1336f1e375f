#!/usr/bin/env bash
# Installs the Debian packages the interop kit needs, without letting any
# of them start a daemon.  Run as root on Debian 12.
#
#   WITH_JABBERD2=1   also the third, dialback-era peer
#   SKIP_UPDATE=1     do not run apt-get update first
#
# Does nothing, and needs no root, if all of them are installed already.
set -euo pipefail

packages=(
    prosody prosody-modules lua-unbound
    ejabberd
    knot bind9-dnsutils
    openssl curl procps util-linux
    python3 python3-slixmpp
    jq
)
if [ "${WITH_JABBERD2:-0}" = 1 ]; then
    packages+=(jabberd2 sqlite3)
fi

missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
        missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "install.sh: everything is installed"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "install.sh: must be root to install ${missing[*]}" >&2
    exit 1
fi

# A policy-rc.d that answers 101 ("action forbidden") keeps every postinst
# from starting its daemon on the default ports.  An existing one is put
# back afterwards.
policy=/usr/sbin/policy-rc.d
saved=
if [ -e "$policy" ]; then
    saved=$(mktemp)
    cp -p "$policy" "$saved"
fi
restore_policy() {
    if [ -n "$saved" ]; then
        cp -p "$saved" "$policy"
        rm -f "$saved"
    else
        rm -f "$policy"
    fi
}
trap restore_policy EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

# apt_get ARGUMENT...: waits for whoever else is installing something, and
# tries again if a concurrent run got in the way.
export DEBIAN_FRONTEND=noninteractive
apt_get() {
    local try
    for try in 1 2 3; do
        apt-get -o DPkg::Lock::Timeout=600 -q "$@" && return
        echo "install.sh: apt-get $1 failed (attempt $try)" >&2
        sleep 5
    done
    return 1
}

# ejabberd's postinst leaves Erlang's epmd behind, policy-rc.d or not, and it
# listens on all addresses.  Remember which ones are not of our making.
epmd_before=" $(pgrep -x epmd | tr '\n' ' ' || true)"

if [ "${SKIP_UPDATE:-0}" != 1 ]; then
    apt_get update
fi
apt_get install -y --no-install-recommends "${missing[@]}"

for pid in $(pgrep -x epmd || true); do
    [[ $epmd_before == *" $pid "* ]] || kill "$pid"
done

# On a machine with an init system, also keep them down after a reboot.
if [ -d /run/systemd/system ]; then
    for unit in prosody ejabberd knot jabberd; do
        systemctl disable --now "$unit" 2>/dev/null || true
    done
fi

echo
echo "installed:"
dpkg-query -W -f='  ${Package} ${Version}\n' "${packages[@]}"

#!/usr/bin/env bash
# Boots the DNS server and the peers.  See lib.sh for the settings, README.md
# for what there is afterwards, and down.sh for the end of it.
#
# Needs root: port 53 of a loopback address, and mount namespaces.
set -Eeuo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$KIT/peers.sh"

[ "$(id -u)" -eq 0 ] || die "up.sh needs root (port 53 on loopback, mount namespaces)"

shopt -s nullglob
for pidfile in "$RUN"/*.pid; do
    name=$(basename "$pidfile" .pid)
    if alive "$name"; then
        die "$name already runs from $INTEROP_DIR; run down.sh first"
    fi
    rm -f "$pidfile"
done

mkdir -p "$CERTS" "$CONF/empty" "$DATA" "$LOGS" "$RUN"
# Accounts, rosters, archives and logs start empty every time; the
# certificates stay.
rm -rf "${DATA:?}"/* "${LOGS:?}"/*
mkdir -p "$DATA/knot" "$DATA/prosody" "$DATA/ejabberd" "$DATA/jabberd2"

"$KIT/certs.sh"

# Take everything down again if something fails half way.
trap 'say "failed; logs are in $LOGS"; "$KIT/down.sh" || true' ERR

# --- DNS ----------------------------------------------------------------------

render "$KIT/templates/knot.conf.in" "$CONF/knot.conf"
render "$KIT/templates/root.zone.in" "$CONF/root.zone"
render "$KIT/templates/test.zone.in" "$CONF/test.zone"
printf 'nameserver %s\noptions timeout:1 attempts:2\n' "$DNS_IP" >"$CONF/resolv.conf"
printf 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n' >"$CONF/nsswitch.conf"

start knot knotd -c "$CONF/knot.conf"
wait_for 10 "the DNS server" \
    dig +time=1 +tries=1 "@$DNS_IP" -p "$DNS_PORT" test. SOA
say "DNS        $DNS_IP port $DNS_PORT (and 53)"

# --- the peers ----------------------------------------------------------------

if has_peer prosody; then
    configure_prosody
    register_prosody
    start_prosody
    say "Prosody    $PROSODY_IP  prosody.test muc.prosody.test pubsub.prosody.test"
fi
if has_peer ejabberd; then
    configure_ejabberd
    start_ejabberd
    register_ejabberd
    say "ejabberd   $EJABBERD_IP  ejabberd.test conference.ejabberd.test mix.ejabberd.test pubsub.ejabberd.test"
fi
if has_peer jabberd2; then
    . "$KIT/jabberd2.sh"
fi

# --- for whoever uses it ------------------------------------------------------

describe
say "up; described in $INTEROP_DIR/interop.json, logs in $LOGS"

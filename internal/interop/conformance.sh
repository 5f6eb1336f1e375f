#!/usr/bin/env bash
# Plays the conformance suite (examples/s2sconform) against the library and
# against the peers of the running kit, and writes what came of it to
# $INTEROP_DIR/conformance: a page, index.html, and a JSON file for each.
#
# It fails if the library breaks a MUST, or if a peer cannot be checked at all;
# what the peers break is shown. They are shut down for it, as the last scenario.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. kit/lib.sh

alive knot || die "the kit is not up"
out=$INTEROP_DIR/conformance
mkdir -p "$out"
(cd ../../examples && go build -o "$out/s2sconform" ./s2sconform)

# against NAME DOMAIN IP USER: checks one peer; a status of 1 says that it
# breaks something.
against() {
    local status=0
    "$out/s2sconform" -json -name "$1" -target "$2" \
        -addr "$3:$S2S_PORT" -direct "$3:$S2S_TLS_PORT" -listen "$CONFORM_IP:5269" \
        -cert "$CERTS/conform.test.crt" -key "$CERTS/conform.test.key" \
        -ca "$CERTS/ca.crt" -ca-key "$CERTS/ca.key" \
        -user "$4@$2" -password "$PASSWORD" -c2s "$3:$C2S_PORT" \
        -stop "$KIT/peer.sh stop ${1,,}" >"$out/${1,,}.json" || status=$?
    [ "$status" -le 1 ] || die "$1 cannot be checked"
}

status=0
"$out/s2sconform" -own -json >"$out/isthmus.json" || status=$?
against Prosody prosody.test "$PROSODY_IP" "${PROSODY_USERS%% *}"
against ejabberd ejabberd.test "$EJABBERD_IP" "${EJABBERD_USERS%% *}"
"$out/s2sconform" -html "$out/index.html" \
    -with "$out/isthmus.json,$out/prosody.json,$out/ejabberd.json" | grep ' pass, '
say "conformance: $out/index.html"
[ "$status" = 0 ] || die "the library does not pass"

#!/usr/bin/env bash
# Plays the conformance suite (examples/s2sconform) against the library, without
# and with Server Dialback, and against the peers of the running kit. It prints
# what fails or deviates, with the clause, and writes what came of it to
# $INTEROP_DIR/conformance: a page, index.html, and a JSON file for each.
#
#   conformance.sh         plays it
#   conformance.sh -keep   puts the page of the last run, and what fails or
#                          deviates in it, into examples/s2sconform/results
#
# It fails if the library breaks a MUST, or if a peer cannot be checked: because
# nobody can log in there, or more scenarios are skipped than what it does not
# offer explains. What the peers break is shown. So is what the library with
# dialback does: it goes by DNS where some rows ask for certificates, and
# examples/s2sconform/own has a test that these are all. The peers are shut down
# for it, as the last scenario.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. kit/lib.sh

out=$INTEROP_DIR/conformance
if [ "${1:-}" = -keep ]; then
    [ -e "$out/index.html" ] && [ -e "$out/trouble.txt" ] || die "nothing was played; conformance.sh does"
    cp "$out/index.html" "$out/trouble.txt" ../../examples/s2sconform/results/
    exit
fi
alive knot || die "the kit is not up"
mkdir -p "$out"
(cd ../../examples && go build -o "$out/s2sconform" ./s2sconform)

# against NAME DOMAIN IP USER SKIPS: checks one peer; a status of 1 says that it
# breaks something. About 40 scenarios need the account.
against() {
    local status=0
    "$out/s2sconform" -json -skips "$5" -name "$1" -target "$2" \
        -addr "$3:$S2S_PORT" -direct "$3:$S2S_TLS_PORT" -listen "$CONFORM_IP:5269" \
        -cert "$CERTS/conform.test.crt" -key "$CERTS/conform.test.key" \
        -ca "$CERTS/ca.crt" -ca-key "$CERTS/ca.key" \
        -user "$4@$2" -password "$PASSWORD" -c2s "$3:$C2S_PORT" \
        -stop "$KIT/peer.sh stop ${1,,}" >"$out/${1,,}.json" || status=$?
    [ "$status" -le 1 ] || die "$1 cannot be checked"
}

status=0
"$out/s2sconform" -own -json -skips 1 >"$out/isthmus.json" || status=$?
dialback=0
"$out/s2sconform" -own -dialback -json -skips 2 >"$out/isthmus-dialback.json" || dialback=$?
[ "$dialback" -le 1 ] || die "the library with dialback cannot be checked"
against Prosody prosody.test "$PROSODY_IP" "${PROSODY_USERS%% *}" 35
against ejabberd ejabberd.test "$EJABBERD_IP" "${EJABBERD_USERS%% *}" 55
"$out/s2sconform" -brief -html "$out/index.html" \
    -with "$out/isthmus.json,$out/isthmus-dialback.json,$out/prosody.json,$out/ejabberd.json" | tee "$out/trouble.txt"
say "conformance: $out/index.html"
[ "$status" = 0 ] || die "the library does not pass"

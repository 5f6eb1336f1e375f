#!/usr/bin/env bash
# Installs what the real peers need (as root on Debian, if it is missing), boots
# them, runs the interop suite against them, and stops them again, whatever
# happens. A skipped test is a failure.
#
#   run.sh [GO-TEST-FLAG...]     e.g. run.sh -run TestPeerRestart
#
# Without flags, the conformance suite follows (conformance.sh), and the tests of
# Server Dialback, against peers that trust no certificate, jabberd2 among them if
# it can be installed; DIALBACK=only run.sh does just the latter, with or without
# flags.
#
# INTEROP_DIR is where everything is written (.interop in the project's root by
# default); KEEP=1 leaves the peers running.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mode=${DIALBACK:-}
. kit/lib.sh

tests= output=$(mktemp)
finish() {
    trap - EXIT INT TERM HUP
    # The tests are a process group of their own, with all that they started.
    [ -z "$tests" ] || kill -TERM -- "-$tests" 2>/dev/null || true
    rm -f "$output"
    [ "${KEEP:-0}" = 1 ] || kit/down.sh
}

# suite ARGUMENT...: go test, with these arguments. One package at a time: they
# share the addresses of the program under test. In the background, so that a
# signal is dealt with at once.
suite() {
    INTEROP=required setsid bash -c 'set -o pipefail
        output=$1
        shift
        go test -p 1 -count 1 -timeout 20m -v "$@" 2>&1 | tee "$output"' suite "$output" "$@" &
    tests=$!
    local status=0
    wait "$tests" || status=$?
    tests=
    if grep -q -- '--- SKIP' "$output"; then
        say "there are skipped tests"
        status=1
    fi
    return "$status"
}

certificates() {
    kit/install.sh
    kit/up.sh
    suite -skip '^TestDialback' "$@" . ./library
}

dialback() {
    export DIALBACK=only PEERS="prosody ejabberd jabberd2"
    WITH_JABBERD2=1 kit/install.sh || {
        say "jabberd2 cannot be installed here, so it is left out"
        PEERS="prosody ejabberd"
        kit/install.sh
    }
    kit/up.sh
    suite -run '^TestDialback' "$@" ./library
}

conformance() {
    setsid ./conformance.sh &
    tests=$!
    local status=0
    wait "$tests" || status=$?
    tests=
    return "$status"
}

! alive knot || die "the kit already runs from $INTEROP_DIR; run kit/down.sh first"
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ "$mode" = only ]; then
    dialback "$@"
    exit
fi
certificates "$@"
if [ $# -eq 0 ] && [ "$DIALBACK" = 0 ]; then
    conformance
    kit/down.sh
    dialback
fi

#!/usr/bin/env bash
# Installs what the real peers need (as root on Debian, if it is missing), boots
# them, runs the interop suite against them, and stops them again, whatever
# happens. A skipped test is a failure.
#
#   run.sh [GO-TEST-FLAG...]     e.g. run.sh -run TestPeerRestart
#
# INTEROP_DIR is where everything is written (.interop in the project's root by
# default); KEEP=1 leaves the peers running.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. kit/lib.sh

kit/install.sh
! alive knot || die "the kit already runs from $INTEROP_DIR; run kit/down.sh first"

tests= output=$(mktemp)
finish() {
    trap - EXIT INT TERM HUP
    # The tests are a process group of their own, with all that they started.
    [ -z "$tests" ] || kill -TERM -- "-$tests" 2>/dev/null || true
    rm -f "$output"
    [ "${KEEP:-0}" = 1 ] || kit/down.sh
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

kit/up.sh

# One package at a time: they share the addresses of the program under test.
# In the background, so that a signal is dealt with at once.
INTEROP=required setsid bash -c 'set -o pipefail
    output=$1
    shift
    go test -p 1 -count 1 -timeout 20m -v "$@" . ./library 2>&1 | tee "$output"' run "$output" "$@" &
tests=$!
status=0
wait "$tests" || status=$?
tests=
if grep -q -- '--- SKIP' "$output"; then
    echo "interop: there are skipped tests" >&2
    status=1
fi
exit "$status"

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

finish() {
    trap - EXIT INT TERM HUP
    [ "${KEEP:-0}" = 1 ] || kit/down.sh
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

kit/up.sh

# One package at a time: they share the addresses of the program under test.
output=$(mktemp)
status=0
INTEROP=required go test -p 1 -count 1 -timeout 20m -v "$@" . ./library 2>&1 | tee "$output" || status=$?
skipped=$(grep -c -- '--- SKIP' "$output" || true)
rm -f "$output"
if [ "$skipped" -ne 0 ]; then
    echo "interop: $skipped skipped tests" >&2
    exit 1
fi
exit "$status"

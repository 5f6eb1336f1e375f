#!/usr/bin/env bash
# Stops what up.sh started from $INTEROP_DIR, and only that.  Logs, data and
# certificates stay; PURGE=1 removes the whole directory.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

shopt -s nullglob
# The DNS server goes last.
for pidfile in "$RUN"/*.pid; do
    name=$(basename "$pidfile" .pid)
    case $name in
        knot | prosody-self) ;;
        *) stop "$name" ;;
    esac
done
stop knot
rm -f "$RUN"/*.pid "$RUN"/*.sock "$INTEROP_DIR/interop.json"
if [ "${PURGE:-0}" = 1 ] && [ -e "$INTEROP_DIR/certs/ca.crt" ]; then
    rm -rf "$INTEROP_DIR"
fi
say "down"

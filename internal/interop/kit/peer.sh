#!/usr/bin/env bash
# peer.sh stop|start|restart NAME
#
# Stops or starts one peer (prosody or ejabberd) of the running kit and leaves
# everything else as it is; accounts and other data survive.  Settings that
# differ from those of up.sh take effect with the start: PEER_CERT=expired
# peer.sh restart prosody.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$KIT/peers.sh"

[ $# -eq 2 ] || die "usage: peer.sh stop|start|restart NAME"
action=$1 name=$2
case $name in
    prosody | ejabberd) ;;
    *) die "no peer $name" ;;
esac
alive knot || die "the kit is not up"

case $action in
    stop | restart) stop "$name" ;;
    start) ! alive "$name" || die "$name already runs" ;;
    *) die "usage: peer.sh stop|start|restart NAME" ;;
esac
case $action in
    start | restart)
        "configure_$name"
        "start_$name"
        ;;
esac
describe

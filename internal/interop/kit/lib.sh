# shellcheck shell=bash
# Settings and helpers shared by the kit's scripts.  Every setting can be
# given in the environment; nothing here starts or changes anything.

KIT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# --- settings ---------------------------------------------------------------

# Everything the kit writes goes below this directory; by default .interop in
# the project's root, which git ignores.
# It is exported, and thereby also marks the processes that the kit started.
INTEROP_DIR=$(realpath -m "${INTEROP_DIR:-$KIT/../../../.interop}")
export INTEROP_DIR

# Which peers up.sh boots (any of: prosody ejabberd jabberd2).
PEERS=${PEERS:-"prosody ejabberd"}

# DIALBACK=0  certificates only: peers must present a trusted certificate
#             and authenticate with SASL EXTERNAL.
# DIALBACK=1  the peers also load XEP-0220 and no longer insist on a trusted
#             certificate, so an untrusted or absent one falls back to it.
# DIALBACK=only  in addition the peers trust no certificate at all, so that
#             dialback (over TLS) is the only way.
DIALBACK=${DIALBACK:-0}

# Whether to publish _xmpps-server (XEP-0368) SRV records, for the peers and
# for the domains of the program under test.
PEER_XMPPS=${PEER_XMPPS:-1}
WIRE_XMPPS=${WIRE_XMPPS:-1}

# Which certificate a peer shows for its main domain: its own ("good"), or one
# that nobody should accept: "expired", "untrusted" or "wrong-name".
PEER_CERT=${PEER_CERT:-good}

# Log level of the peers: debug for interop work, error for measuring.
PEER_LOG=${PEER_LOG:-debug}

# BENCH=1 configures the peers for measuring: no archive, no queue limits.
# (There are no rate limits in any case.)
BENCH=${BENCH:-0}

# Loopback addresses.  Each server has one of its own, so that all of them
# can use the standard ports.
DNS_IP=${DNS_IP:-127.0.0.5}
DNS_PORT=${DNS_PORT:-5300}        # in addition to port 53 of the same address
PROSODY_IP=${PROSODY_IP:-127.0.0.10}
EJABBERD_IP=${EJABBERD_IP:-127.0.0.20}
JABBERD2_IP=${JABBERD2_IP:-127.0.0.30}
S2S_PORT=${S2S_PORT:-5269}
S2S_TLS_PORT=${S2S_TLS_PORT:-5270}
C2S_PORT=${C2S_PORT:-5222}
EJABBERD_API_PORT=${EJABBERD_API_PORT:-5280}

# Where the program under test is going to listen.
WIRE_IP=${WIRE_IP:-127.0.0.40}            # wire.test chat.wire.test mix.wire.test
WIRE_PORT=${WIRE_PORT:-5269}
WIRE_TLS_PORT=${WIRE_TLS_PORT:-5270}
OTHER_IP=${OTHER_IP:-127.0.0.41}          # other.test
OTHER_PORT=${OTHER_PORT:-5269}
OTHER_TLS_PORT=${OTHER_TLS_PORT:-5270}
BENCH_IP=${BENCH_IP:-127.0.0.50}          # bench.test and *.bench.test
BENCH_PORT=${BENCH_PORT:-5269}
CONFORM_IP=${CONFORM_IP:-127.0.0.60}      # *.conform.test, at port 5269

# Test accounts, on every peer; the password is the same everywhere.
PROSODY_USERS=${PROSODY_USERS:-"juliet nurse tybalt"}
EJABBERD_USERS=${EJABBERD_USERS:-"romeo benvolio mercutio"}
JABBERD2_USERS=${JABBERD2_USERS:-"rosaline friar"}
PASSWORD=${PASSWORD:-secret}

# Debian's own interpreter: the packaged slixmpp is not visible to any other.
PYTHON=${PYTHON:-/usr/bin/python3}

# --- the domains ------------------------------------------------------------

PROSODY_DOMAINS="prosody.test muc.prosody.test pubsub.prosody.test nosrv.test prio.test"
EJABBERD_DOMAINS="ejabberd.test conference.ejabberd.test mix.ejabberd.test pubsub.ejabberd.test"
JABBERD2_DOMAINS="jabberd2.test"
WIRE_DOMAINS="wire.test chat.wire.test mix.wire.test"
OTHER_DOMAINS="other.test"

# --- derived paths ----------------------------------------------------------

CERTS=$INTEROP_DIR/certs
CONF=$INTEROP_DIR/conf
DATA=$INTEROP_DIR/data
LOGS=$INTEROP_DIR/log
RUN=$INTEROP_DIR/run

# --- derived settings -------------------------------------------------------

WITH_DIALBACK=0
PEER_CA=$CERTS/ca.crt
case $DIALBACK in
    0) ;;
    1) WITH_DIALBACK=1 ;;
    only) WITH_DIALBACK=1 PEER_CA=$CERTS/rogue.crt ;;
    *) echo "DIALBACK must be 0, 1 or only" >&2; exit 2 ;;
esac

case $PEER_CERT in
    good) PROSODY_CERT=$CERTS/prosody.test EJABBERD_CERT=$CERTS/ejabberd.test ;;
    expired | untrusted | wrong-name)
        PROSODY_CERT=$CERTS/variants/prosody.test/$PEER_CERT
        EJABBERD_CERT=$CERTS/variants/ejabberd.test/$PEER_CERT
        ;;
    *) echo "PEER_CERT must be good, expired, untrusted or wrong-name" >&2; exit 2 ;;
esac

# --- helpers ----------------------------------------------------------------

say() { printf 'interop: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# has_peer NAME: is NAME one of $PEERS?
has_peer() { [[ " $PEERS " == *" $1 "* ]]; }

# render TEMPLATE OUTPUT: copies TEMPLATE with every @NAME@ replaced by the
# value of the shell variable NAME.  A line that contains "@IF NAME@" is kept
# (without the marker) only if $NAME is 1, "@UNLESS NAME@" only if it is not.
render() {
    local line name marker
    while IFS= read -r line || [ -n "$line" ]; do
        if [[ $line =~ @(IF|UNLESS)\ ([A-Z0-9_]+)@ ]]; then
            marker=${BASH_REMATCH[0]}
            name=${BASH_REMATCH[2]}
            if [ "${BASH_REMATCH[1]}" = IF ]; then
                [ "${!name}" = 1 ] || continue
            else
                [ "${!name}" != 1 ] || continue
            fi
            line=${line//"$marker"/}
        fi
        while [[ $line =~ @([A-Z][A-Z0-9_]*)@ ]]; do
            name=${BASH_REMATCH[1]}
            [ -n "${!name+set}" ] || die "$1: no value for @$name@"
            line=${line//"@$name@"/"${!name}"}
        done
        printf '%s\n' "$line"
    done <"$1" >"$2"
}

# start NAME COMMAND...: runs COMMAND in the background in its own session,
# with its output in $LOGS/NAME.out and its pid in $RUN/NAME.pid.
start() {
    local name=$1
    shift
    setsid "$@" >"$LOGS/$name.out" 2>&1 </dev/null &
    echo "$!" >"$RUN/$name.pid"
}

# alive NAME: is the process that start NAME left behind still running?
alive() {
    local pid
    pid=$(cat "$RUN/$1.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null
}

# ours PID: was this process started from our directory?  (A pid that was
# written down may have been reused since.)
ours() { tr '\0' '\n' <"/proc/$1/environ" | grep -qxF "INTEROP_DIR=$INTEROP_DIR"; }

# stop NAME: ends it, politely and then not.
stop() {
    local name=$1 pid i
    pid=$(cat "$RUN/$name.pid" 2>/dev/null) || return 0
    if ours "$pid" 2>/dev/null; then
        kill -TERM "$pid" 2>/dev/null || true
        for ((i = 0; i < 100; i++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        if kill -0 "$pid" 2>/dev/null; then
            say "$name did not stop, killing it"
            kill -KILL "$pid" 2>/dev/null || true
        fi
    fi
    rm -f "$RUN/$name.pid"
}

# wait_for SECONDS WHAT COMMAND...: polls until COMMAND succeeds.
wait_for() {
    local seconds=$1 what=$2 i
    shift 2
    for ((i = 0; i < seconds * 10; i++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    say "timed out waiting for $what"
    return 1
}

# listening IP PORT: does something accept there?
listening() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# ejabberd_api COMMAND [JSON]: one call of ejabberd's administration API.
ejabberd_api() {
    curl -sS --fail-with-body --noproxy '*' -X POST \
        -H 'Content-Type: application/json' -d "${2:-{\}}" \
        "http://$EJABBERD_IP:$EJABBERD_API_PORT/api/$1"
}

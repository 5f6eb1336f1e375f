#!/usr/bin/env bash
# Measures Prosody, ejabberd and chatd as federation servers: each alone and
# freshly booted, all with the same load generator (bench/), in one run. Prints
# one table with chatd's share of the better peer. Takes some five minutes.
#
#   BOOTS=1    how often each server is booted; medians are printed
#   RUNS=3     runs of each measurement per boot
#   COUNT=20000, CHATD_COUNT=200000
#              stanzas per run; more for chatd, whose share of a second would be
#              too small to be told by the kernel's clock otherwise
#   STREAMS=1000
#              idle streams
#   SERVERS="prosody ejabberd chatd"
#              what to measure; results of the others stay from an earlier run
#
# Results are left in $INTEROP_DIR/bench.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export BENCH=1 PEER_LOG=error DIALBACK=0
. kit/lib.sh

boots=${BOOTS:-1} runs=${RUNS:-3} streams=${STREAMS:-1000}
servers=${SERVERS:-"prosody ejabberd chatd"} count=${COUNT:-20000} chatd_count=${CHATD_COUNT:-200000}

kit/install.sh
! alive knot || die "the kit already runs from $INTEROP_DIR; run kit/down.sh first"

# run COMMAND...: in the background, so that a signal is dealt with at once
child=
run() {
    local status=0
    "$@" &
    child=$!
    wait "$child" || status=$?
    child=
    return "$status"
}

chatd_pid=
stop_chatd() {
    [ -n "$chatd_pid" ] || return 0
    kill -TERM "$chatd_pid" 2>/dev/null || true
    wait "$chatd_pid" || true
    chatd_pid=
}
finish() {
    trap - EXIT INT TERM HUP
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
    stop_chatd
    kit/down.sh 2>/dev/null
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

results=$INTEROP_DIR/bench
mkdir -p "$results"
for server in $servers; do rm -f "$results/$server"-*.json; done
go build -buildvcs=false -o "$results/generator" ./bench
go build -buildvcs=false -o "$results/chatd" isthmus.im/examples/chatd

# measure NAME BOOT COUNT FLAG...
measure() {
    local name=$1 boot=$2 n=$3
    shift 3
    # Memory first, while the process is fresh.
    run "$results/generator" -dir "$INTEROP_DIR" "$@" -runs 1 -streams "$streams" \
        -json "$results/$name-$boot-idle.json" idle
    run "$results/generator" -dir "$INTEROP_DIR" "$@" -runs "$runs" -n "$n" \
        -json "$results/$name-$boot.json" setup ping flood
}

# start_chatd BOOT: starts it, and notes how long it takes to listen. It is held to
# no rates, as the others are not.
start_chatd() {
    local begin token=$RANDOM$RANDOM$RANDOM
    begin=$(date +%s%N)
    "$results/chatd" -domain wire.test -db memory -ca "$CERTS/ca.crt" -dns "$DNS_IP:$DNS_PORT" \
        -cert "$CERTS/wire.test.crt" -key "$CERTS/wire.test.key" -admin-token "$token" \
        -unlimited -listen "$WIRE_IP:$WIRE_PORT" -listen-tls "$WIRE_IP:$WIRE_TLS_PORT" -http "$WIRE_IP:8080" \
        >"$LOGS/chatd.log" 2>&1 &
    chatd_pid=$!
    until listening "$WIRE_IP" "$WIRE_PORT"; do
        kill -0 "$chatd_pid" 2>/dev/null || die "chatd did not start, see $LOGS/chatd.log"
    done
    echo "{\"start_ms\": $((($(date +%s%N) - begin) / 1000000))}" >"$results/chatd-$1-start.json"
    wait_for 10 "chatd's HTTP interface" listening "$WIRE_IP" 8080
    curl -sS --fail-with-body --noproxy '*' -H "Authorization: Bearer $token" \
        -H 'Content-Type: application/json' -d '{"name":"alice"}' "http://$WIRE_IP:8080/v1/users" >/dev/null
}

for ((boot = 1; boot <= boots; boot++)); do
    for server in $servers; do
        say "$server, boot $boot of $boots"
        case $server in
            chatd)
                PEERS=none kit/up.sh 2>/dev/null
                start_chatd "$boot"
                measure chatd "$boot" "$chatd_count" -domain wire.test -pid "$chatd_pid" -user alice
                stop_chatd
                ;;
            *)
                PEERS=$server kit/up.sh 2>/dev/null
                measure "$server" "$boot" "$count" -peer "$server"
                ;;
        esac
        kit/down.sh 2>/dev/null
    done
done

echo
"$results/generator" table "$results" | tee "$results/table.txt"

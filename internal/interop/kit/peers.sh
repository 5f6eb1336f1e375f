# shellcheck shell=bash
# How to configure, start and furnish the two main peers.  Sourced after lib.sh
# by up.sh and peer.sh.

configure_prosody() {
    local domain
    # Prosody considers every certificate below its directory, so it gets one
    # with its own and nothing else.
    mkdir -p "$CONF/prosody-certs"
    for domain in $PROSODY_DOMAINS; do
        cp "$CERTS/$domain.crt" "$CERTS/$domain.key" "$CONF/prosody-certs/"
    done
    cp "$PROSODY_CERT.crt" "$CONF/prosody-certs/prosody.test.crt"
    cp "$PROSODY_CERT.key" "$CONF/prosody-certs/prosody.test.key"
    render "$KIT/templates/prosody.cfg.lua.in" "$CONF/prosody.cfg.lua"
}

register_prosody() {
    local user
    for user in $PROSODY_USERS; do
        prosodyctl --root --config "$CONF/prosody.cfg.lua" \
            register "$user" prosody.test "$PASSWORD" >>"$LOGS/prosodyctl.out" 2>&1
    done
}

start_prosody() {
    start prosody "$KIT/private-dns.sh" prosody -F --root --config "$CONF/prosody.cfg.lua"
    wait_for 20 "Prosody" listening "$PROSODY_IP" "$C2S_PORT"
    wait_for 20 "Prosody's s2s port" listening "$PROSODY_IP" "$S2S_PORT"
}

configure_ejabberd() {
    # Read by render.
    # shellcheck disable=SC2034
    DNS_ERL=${DNS_IP//./,}
    render "$KIT/templates/inetrc.in" "$CONF/inetrc"
    render "$KIT/templates/ejabberd.yml.in" "$CONF/ejabberd.yml"
}

start_ejabberd() {
    local ebin
    # Debian's ejabberdctl insists on the user "ejabberd" and on epmd, which
    # listens on all addresses.  Without a node name neither is needed.
    ebin=$(dpkg-query -L ejabberd | grep '/ebin/ejabberd\.app$')
    start ejabberd "$KIT/private-dns.sh" env \
        HOME="$DATA/ejabberd" \
        ERL_LIBS="${ebin%/ejabberd-*}" \
        ERL_INETRC="$CONF/inetrc" \
        ERL_CRASH_DUMP="$LOGS/erl_crash.dump" \
        EJABBERD_CONFIG_PATH="$CONF/ejabberd.yml" \
        EJABBERD_LOG_PATH="$LOGS/ejabberd.log" \
        erl +K true +P 250000 -noinput -mnesia dir "\"$DATA/ejabberd\"" \
        -ejabberd quiet true -s ejabberd
    wait_for 60 "ejabberd" ejabberd_api status
    wait_for 20 "ejabberd's c2s port" listening "$EJABBERD_IP" "$C2S_PORT"
    wait_for 20 "ejabberd's s2s port" listening "$EJABBERD_IP" "$S2S_PORT"
}

register_ejabberd() {
    local user
    for user in $EJABBERD_USERS; do
        ejabberd_api register \
            "{\"user\":\"$user\",\"host\":\"ejabberd.test\",\"password\":\"$PASSWORD\"}" \
            >>"$LOGS/ejabberd.out"
    done
}

# describe: (re)writes interop.json, whole or not at all
describe() {
    "$KIT/describe.sh" >"$INTEROP_DIR/interop.json.new"
    mv "$INTEROP_DIR/interop.json.new" "$INTEROP_DIR/interop.json"
}

#!/usr/bin/env bash
# Makes a throw-away certificate authority and a certificate per domain in
# $INTEROP_DIR/certs:
#
#   ca.crt ca.key            the authority that every peer trusts
#   rogue.crt rogue.key      an authority that nobody trusts
#   DOMAIN.crt .key .pem     certificate, key, and both in one file
#   variants/NAME.crt .key   certificates for wire.test with something unusual
#                            about them, to see how a peer takes it
#   variants/DOMAIN/NAME.*   the unacceptable ones for the peers' domains, to
#                            see how the program under test takes it
#
# The ordinary certificates carry the domain as dNSName and SRVName, and are
# good for both clientAuth and serverAuth.  They do not carry id-on-xmppAddr:
# ejabberd 23.01 crashes on a peer certificate that does, in both directions
# (xmpp_stream_pkix:get_domains_from_san/1 returns a binary for such a name
# where its caller wants a list), so that no stream ever comes about.  Set
# CERT_XMPP_ADDR=1 to include it all the same, e.g. with Prosody alone; the
# variants all-names and xmpp-only have it in any case.
#
# Existing files are kept; remove the directory to start afresh.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

OID_XMPP_ADDR=1.3.6.1.5.5.7.8.5
OID_SRV_NAME=1.3.6.1.5.5.7.8.7

mkdir -p "$CERTS/variants/prosody.test" "$CERTS/variants/ejabberd.test"
cd "$CERTS"

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

# make_ca FILE SUBJECT
make_ca() {
    [ -e "$1.crt" ] && return
    new_key "$1.key"
    openssl req -x509 -new -key "$1.key" -out "$1.crt" -days 3650 -sha256 \
        -subj "/CN=$2" \
        -addext "basicConstraints=critical,CA:TRUE" \
        -addext "keyUsage=critical,keyCertSign,cRLSign"
}

# issue FILE CA CN SAN EKU [openssl-x509-option...]
# An empty SAN or EKU leaves that extension out.
issue() {
    local file=$1 ca=$2 cn=$3 san=$4 eku=$5
    shift 5
    [ -e "$file.crt" ] && return
    local validity=("$@")
    [ ${#validity[@]} -gt 0 ] || validity=(-days 825)
    new_key "$file.key"
    {
        echo "[ext]"
        echo "basicConstraints = critical,CA:FALSE"
        echo "keyUsage = critical,digitalSignature"
        echo "subjectKeyIdentifier = hash"
        echo "authorityKeyIdentifier = keyid"
        [ -z "$eku" ] || echo "extendedKeyUsage = $eku"
        [ -z "$san" ] || printf 'subjectAltName = @san\n[san]\n%s\n' "$san"
    } >"$file.cnf"
    openssl req -new -key "$file.key" -subj "/CN=$cn" -out "$file.csr"
    openssl x509 -req -in "$file.csr" -CA "$ca.crt" -CAkey "$ca.key" \
        -set_serial "0x$(openssl rand -hex 12)" -sha256 "${validity[@]}" \
        -extfile "$file.cnf" -extensions ext -out "$file.crt" 2>/dev/null
    cat "$file.crt" "$file.key" >"$file.pem"
    rm -f "$file.csr" "$file.cnf"
}

# san_for DOMAIN [1]: the ways to name an XMPP domain in a certificate, with
# id-on-xmppAddr if the second argument is 1.
san_for() {
    echo "DNS.1 = $1"
    echo "otherName.1 = $OID_SRV_NAME;IA5:_xmpp-server.$1"
    [ "${2:-${CERT_XMPP_ADDR:-0}}" != 1 ] ||
        echo "otherName.2 = $OID_XMPP_ADDR;UTF8:$1"
}

make_ca ca "Interop Kit Throw-away CA"
make_ca rogue "Interop Kit Rogue CA"

both="clientAuth,serverAuth"
for domain in $PROSODY_DOMAINS $EJABBERD_DOMAINS $JABBERD2_DOMAINS \
    $WIRE_DOMAINS $OTHER_DOMAINS; do
    issue "$domain" ca "$domain" "$(san_for "$domain")" "$both"
done
issue bench.test ca bench.test "$(san_for bench.test; echo "DNS.2 = *.bench.test")" "$both"
issue conform.test ca conform.test "$(san_for conform.test; echo "DNS.2 = *.conform.test")" "$both"

# Each variant changes one thing about wire.test's certificate; its CN says
# nothing useful unless the CN is the point.
d=wire.test
issue variants/good         ca    $d           "$(san_for $d)" "$both"
issue variants/all-names    ca    $d           "$(san_for $d 1)" "$both"
issue variants/dns-only     ca    subscriber   "DNS.1 = $d" "$both"
issue variants/xmpp-only    ca    subscriber   "otherName.1 = $OID_XMPP_ADDR;UTF8:$d" "$both"
issue variants/srv-only     ca    subscriber   "otherName.1 = $OID_SRV_NAME;IA5:_xmpp-server.$d" "$both"
issue variants/wildcard     ca    subscriber   "DNS.1 = *.$d" "$both"
issue variants/cn-only      ca    $d           "" "$both"
issue variants/cn-besides   ca    $d           "DNS.1 = unrelated.test" "$both"
issue variants/server-eku   ca    $d           "$(san_for $d)" "serverAuth"
issue variants/client-eku   ca    $d           "$(san_for $d)" "clientAuth"
issue variants/no-eku       ca    $d           "$(san_for $d)" ""
# "-days -1" ends the validity before it starts, which no verifier accepts.
unacceptable() { # DIRECTORY DOMAIN
    issue "$1/wrong-name" ca    unrelated.test "$(san_for unrelated.test)" "$both"
    issue "$1/untrusted"  rogue "$2"           "$(san_for "$2")" "$both"
    issue "$1/expired"    ca    "$2"           "$(san_for "$2")" "$both" -days -1
}
unacceptable variants wire.test
unacceptable variants/prosody.test prosody.test
unacceptable variants/ejabberd.test ejabberd.test

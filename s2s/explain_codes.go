package s2s

// Code names what a [Finding] found. Codes are for programs and for searching;
// they never change their meaning.
type Code string

// What can be found on the way to a domain.
const (
	CodeOK          Code = "ok"
	CodeInterrupted Code = "interrupted" // the context ended, or the server closed

	CodeNotLocal      Code = "not-local"      // the local domain is none of the server's
	CodeOwnDomain     Code = "own-domain"     // the remote domain is one of the server's
	CodePolicyDenied  Code = "policy-denied"  // the policy denies the domain
	CodeOverridden    Code = "overridden"     // the policy has it found or verified in another way
	CodeUnusualDomain Code = "unusual-domain" // an address or a single label, which Config.Reach does not allow

	CodeNoSuchDomain       Code = "no-such-domain"
	CodeNoService          Code = "no-service"             // the SRV record says so
	CodeDNSUnavailable     Code = "dns-unavailable"        // the SRV records could not be had
	CodeTargetNoAddress    Code = "target-without-address" // the host of an SRV record does not exist
	CodeAddressUnavailable Code = "address-unavailable"    // its addresses could not be had
	CodeForbiddenAddress   Code = "address-not-allowed"    // one that Config.Reach does not allow

	CodeConnectionRefused Code = "connection-refused"
	CodeConnectionTimeout Code = "connection-timeout"
	CodeUnreachable       Code = "host-unreachable"
	CodeConnectionFailed  Code = "connection-failed" // any other reason

	CodeOwnServer      Code = "own-server" // DNS leads back to this server
	CodeSilent         Code = "silent"     // connected, and not a stream header
	CodeNotXMPP        Code = "not-xmpp"   // what came is no stream
	CodeHostUnknown    Code = "host-unknown"
	CodePeerPolicy     Code = "refused-by-peer"     // policy-violation
	CodePeerBusy       Code = "peer-busy"           // shutting down, or out of resources
	CodeStreamError    Code = "stream-error"        // any other that the peer sent
	CodeProtocolError  Code = "protocol-error"      // the peer broke the rules after its header
	CodeConnectionLost Code = "connection-lost"     // closed without a reason
	CodeStalled        Code = "negotiation-timeout" // the peer stopped answering after its header

	CodeNoSTARTTLS      Code = "starttls-not-offered"
	CodeSTARTTLSRefused Code = "starttls-refused"
	CodeTLSVersion      Code = "tls-version"
	CodeTLSTimeout      Code = "tls-timeout"
	CodeTLSFailed       Code = "tls-failed"

	CodeCertificateMissing   Code = "certificate-missing"
	CodeCertificateExpired   Code = "certificate-expired"
	CodeCertificateNotYet    Code = "certificate-not-yet-valid"
	CodeCertificateName      Code = "certificate-wrong-name"
	CodeCertificateAuthority Code = "certificate-unknown-authority"
	CodeWeakMethod           Code = "method-too-weak" // proved, but not as well as the policy asks
	CodeCertificateUsage     Code = "certificate-wrong-usage"
	CodeCertificateInvalid   Code = "certificate-invalid" // any other reason
	CodeRevoked              Code = "certificate-revoked"
	CodeStapleUnusable       Code = "ocsp-response-unusable"
	CodeDANEMismatch         Code = "dane-mismatch"    // TLSA records name another certificate
	CodeTLSAUnavailable      Code = "tlsa-unavailable" // whether there are TLSA records could not be found out
	CodePOSHMismatch         Code = "posh-mismatch"    // the domain's web server names another certificate
	CodeIdentityChanged      Code = "identity-changed" // not as it was before, in a surprising way
	CodeExpires30            Code = "certificate-expires-30-days"
	CodeExpires7             Code = "certificate-expires-7-days"
	CodeExpires1             Code = "certificate-expires-1-day"

	CodeNoExternal         Code = "external-not-offered"
	CodeDialbackOnly       Code = "dialback-only"
	CodeCertificateRefused Code = "our-certificate-refused"
	CodeAuthFailed         Code = "authentication-failed" // any other SASL failure

	CodeDialback            Code = "authenticated-by-dialback"
	CodeDialbackKey         Code = "dialback-key-unknown" // a server of our domain did not know the key
	CodeDialbackUnreachable Code = "dialback-unreachable" // the peer could not have the key checked
	CodeDialbackRefused     Code = "dialback-refused"     // for any other reason
	CodeDialbackUnanswered  Code = "dialback-unanswered"

	CodeNotOffered     Code = "not-offered" // limits, acknowledgements or both directions
	CodePingUnanswered Code = "ping-unanswered"
	CodePingSkipped    Code = "ping-skipped"
)

// What only [Server.CheckDomain] finds.
const (
	CodeNoSRV           Code = "no-srv-records"
	CodePrivateAddress  Code = "private-address"
	CodeNoCertificate   Code = "no-certificate"
	CodeSelfSigned      Code = "self-signed"
	CodeChainIncomplete Code = "chain-incomplete"
	CodeChainDisordered Code = "chain-disordered"
	CodeServerAuthOnly  Code = "server-auth-only"
)

// remedy says what to change, and on which side; empty where nothing has to be.
func remedy(c Code, local, remote string) string {
	if remote == "" {
		remote = local
	}
	switch c {
	case CodeNotLocal:
		return "Add " + local + " to the domains of this server, or ask for one that is there."
	case CodeOwnDomain:
		return remote + " is served here and is never connected to; check it with CheckDomain."
	case CodePolicyDenied:
		return "This server's own policy does not federate with " + remote + "; change the policy if that is not meant."
	case CodeOwnServer:
		return "The DNS of " + remote + " names this server, which does not serve it: add the domain here, or have its DNS name its own server."
	case CodeWeakMethod:
		return "The policy here asks for more than " + remote + " proves: it needs a better certificate or signed DNS records, or the policy another MinMethod."
	case CodeUnusualDomain:
		return "Domains that are IP addresses or have no dot are refused unless Config.Reach allows them."
	case CodeForbiddenAddress:
		return "DNS names an address that is not of the open network, which is refused unless Config.Reach.Private allows it: the DNS of " + remote + " has to name a public one."
	case CodeNoSuchDomain:
		return "Check the spelling of " + remote + "; its DNS needs an SRV record _xmpp-server._tcp." + remote + " or an address."
	case CodeNoService:
		return "The DNS of " + remote + " says that it has no server-to-server service; nothing can be done here."
	case CodeDNSUnavailable, CodeAddressUnavailable:
		return "Check this server's name servers, then those of the domain."
	case CodeTargetNoAddress:
		return "The SRV record names a host without A and AAAA records: its zone has to get them, or the SRV record another host."
	case CodeConnectionRefused:
		return "Nothing listens at this address and port: the server there has to be started, or the SRV record to name its port."
	case CodeConnectionTimeout:
		return "Nothing answers at this address: look for a firewall that drops packets, on both sides, and for an outdated address."
	case CodeUnreachable:
		return "There is no route to this address: check this host's network, IPv6 in particular."
	case CodeConnectionFailed:
		return "The connection could not be made; the detail is what the operating system says."
	case CodeSilent:
		return "The port is open, but nothing speaks there: look for an overloaded server or a proxy without a server behind it."
	case CodeNotXMPP:
		return "Something other than an XMPP server for servers answers at this port: check port and SRV record."
	case CodeHostUnknown:
		return "The server there does not serve " + remote + ": its administrator has to add the domain, or DNS to name another server."
	case CodePeerPolicy:
		return "The policy of " + remote + " refuses " + local + ": ask its administrator."
	case CodePeerBusy:
		return "The server of " + remote + " is shutting down or overloaded: try again later."
	case CodeStreamError:
		return "The server of " + remote + " ended the stream; its detail and its log say why."
	case CodeProtocolError:
		return "The server of " + remote + " does not keep to the protocol: check its version, and whether something sits in between."
	case CodeConnectionLost:
		return "The server of " + remote + " closed the connection without a reason: look into its log."
	case CodeStalled:
		return "The server of " + remote + " stopped answering: look into its log; often it cannot reach its own DNS."
	case CodeNoSTARTTLS:
		return "The server of " + remote + " offers no encryption: its administrator has to give it a certificate and enable TLS for servers."
	case CodeSTARTTLSRefused:
		return "The server of " + remote + " offers TLS and then refuses it: it probably has no certificate for the domain."
	case CodeTLSVersion:
		return "The two sides have no TLS version in common: TLS 1.2 or later has to be enabled at " + remote + "."
	case CodeTLSTimeout:
		return "The TLS handshake does not end: look for a path that loses large packets (MTU)."
	case CodeTLSFailed:
		return "The TLS handshake failed: check protocol versions and ciphers at " + remote + ", and whether the port is one for TLS."
	}
	return remedyOfCertificates(c, local, remote)
}

func remedyOfCertificates(c Code, local, remote string) string {
	switch c {
	case CodeCertificateMissing:
		return "The server of " + remote + " shows no certificate: its administrator has to configure one."
	case CodeCertificateExpired:
		return "The certificate of " + remote + " has to be renewed, and the server to load it."
	case CodeCertificateNotYet:
		return "The certificate is not valid yet: check the clocks, of this host first."
	case CodeCertificateName:
		return "The certificate has to name " + remote + " itself; the name of the host that the SRV record names does not help."
	case CodeCertificateAuthority:
		return "The certificate comes from an authority that is not trusted here, or intermediate certificates are missing: " +
			remote + " has to send its whole chain, or its authority be added to the roots of this server."
	case CodeCertificateUsage:
		return "The certificate of " + remote + " is restricted to another purpose: it needs serverAuth, and better clientAuth too."
	case CodeRevoked:
		return "The certificate of " + remote + " was revoked: it needs a new one, with a new key."
	case CodeStapleUnusable:
		return "The server of " + remote + " staples an OCSP response that does not do: its administrator has to renew or remove it, and check the clock."
	case CodeDANEMismatch:
		return "The TLSA records in the DNS of " + remote + " name another certificate: they have to be changed together with the certificate (RFC 7671 section 8)."
	case CodeTLSAUnavailable:
		return "The name servers in the zone of the host, or the resolver of this server, do not answer questions for TLSA records, which may also be an attack."
	case CodePOSHMismatch:
		return "The certificate is not valid for " + remote + ", and the POSH document on its web server names another one: it has to be brought up to date."
	case CodeIdentityChanged:
		return "Ask the administrators of " + remote + ", by another way, whether they have changed their certificate; Config.OnChange decides what is done until then."
	case CodeCertificateInvalid:
		return "The certificate of " + remote + " was refused; the detail says why."
	case CodeExpires30, CodeExpires7, CodeExpires1:
		return "The certificate has to be renewed soon, and the server to load it."
	case CodeNoExternal:
		return "Servers have to be let in by certificate at " + remote + " (SASL EXTERNAL). Often it is offered only to certificates that are " +
			"valid for the connecting domain: check that of " + local + " too."
	case CodeDialbackOnly:
		return "The server of " + remote + " offers dialback and no authentication by certificate: its administrator has to enable SASL EXTERNAL; " +
			"check also that the certificate of " + local + " is valid."
	case CodeCertificateRefused:
		return "The server of " + remote + " does not accept the certificate of " + local + ": check with CheckDomain that it names the domain, is in date, " +
			"has its whole chain and comes from a public authority."
	case CodeAuthFailed:
		return "The server of " + remote + " refused the authentication; the detail and its log say why."
	case CodePingUnanswered:
		return "Stanzas go out and no answer comes back: " + remote + " must be able to connect to " + local + ". Check this side with CheckDomain and its firewall."
	case CodeNoSRV:
		return "Add an SRV record _xmpp-server._tcp." + local + "; without one, others try port 5269 at the addresses of the domain itself."
	case CodePrivateAddress:
		return "Others cannot connect to this address: DNS has to name a public one."
	case CodeNoCertificate:
		return "The server needs a certificate for this domain."
	case CodeSelfSigned:
		return "Others do not trust a certificate signed by itself: get one from a public authority."
	case CodeChainIncomplete:
		return "Configure the certificate together with its intermediate certificates (often called the full chain); " +
			"if there are none, its authority is not one that is trusted here."
	case CodeChainDisordered:
		return "Each certificate of the chain has to be followed by the one of its issuer; some peers reject any other order."
	case CodeServerAuthOnly:
		return "Some servers (older versions of ejabberd) refuse certificates without clientAuth when this server connects to them: " +
			"if an authority offers both usages, ask for both."
	}
	return remedyOfDialback(c, local, remote)
}

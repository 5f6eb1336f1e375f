package dialback

// The error conditions that XEP-0220 section 2.5 lists, and InternalServerError
// for an authoritative server that cannot check keys at the moment. The
// conditions stand in the namespace of stanza errors.
const (
	Forbidden              = "forbidden"                // the authoritative server called the key invalid
	InternalServerError    = "internal-server-error"    // the secret is not available
	ItemNotFound           = "item-not-found"           // the domain in to is not served there
	NotAcceptable          = "not-acceptable"           // the identity cannot be established
	NotAuthorized          = "not-authorized"           // a certificate or another proof is required
	PolicyViolation        = "policy-violation"         // TLS has to come first
	RemoteConnectionFailed = "remote-connection-failed" // no connection to the authoritative server
	RemoteServerNotFound   = "remote-server-not-found"  // the authoritative server does not know the domain
	RemoteServerTimeout    = "remote-server-timeout"    // the authoritative server did not answer
	ResourceConstraint     = "resource-constraint"      // too many domain pairs on this stream
)

// undefined stands for a condition that is missing or unknown.
const undefined = "undefined-condition"

// errorType returns the error type that goes with a condition (RFC 6120 section
// 8.3.3), and whether the condition is one that may be received.
func errorType(condition string) (string, bool) {
	switch condition {
	case Forbidden, NotAuthorized, "payment-required", "registration-required", "subscription-required":
		return "auth", true
	case ItemNotFound, InternalServerError, RemoteServerNotFound, undefined, "conflict", "feature-not-implemented",
		"gone", "not-allowed", "service-unavailable":
		return "cancel", true
	case NotAcceptable, PolicyViolation, "bad-request", "jid-malformed", "redirect":
		return "modify", true
	case RemoteConnectionFailed, RemoteServerTimeout, ResourceConstraint, "recipient-unavailable", "unexpected-request":
		return "wait", true
	}
	return "cancel", false
}

// known returns a condition, or undefined-condition for one that nobody defined.
func known(condition string) string {
	if _, ok := errorType(condition); !ok {
		return undefined
	}
	return condition
}

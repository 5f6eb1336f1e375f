package stanza

// ErrorType says what the sender of a failed stanza may do about it (RFC 6120
// section 8.3.2).
type ErrorType string

// The error types of RFC 6120 section 8.3.2.
const (
	Auth     ErrorType = "auth"     // retry after providing credentials
	Cancel   ErrorType = "cancel"   // do not retry
	Continue ErrorType = "continue" // proceed: this was only a warning
	Modify   ErrorType = "modify"   // retry after changing the data sent
	Wait     ErrorType = "wait"     // retry later
)

// Condition is one of the defined conditions of RFC 6120 section 8.3.3.
type Condition string

// The defined conditions, in the order of RFC 6120 sections 8.3.3.1 to 8.3.3.22.
const (
	BadRequest            Condition = "bad-request"             // malformed or unprocessable
	Conflict              Condition = "conflict"                // the name or address is taken
	FeatureNotImplemented Condition = "feature-not-implemented" // understood, not implemented
	Forbidden             Condition = "forbidden"               // the sender lacks the permission
	Gone                  Condition = "gone"                    // moved for good, perhaps to Error.URI
	InternalServerError   Condition = "internal-server-error"   // the fault is ours
	ItemNotFound          Condition = "item-not-found"          // no such address or item
	JIDMalformed          Condition = "jid-malformed"           // an address breaks RFC 7622
	NotAcceptable         Condition = "not-acceptable"          // criteria of the recipient not met
	NotAllowed            Condition = "not-allowed"             // nobody may do this
	NotAuthorized         Condition = "not-authorized"          // credentials missing or wrong
	PolicyViolation       Condition = "policy-violation"        // against local policy
	RecipientUnavailable  Condition = "recipient-unavailable"   // not there for now
	Redirect              Condition = "redirect"                // for now ask Error.URI
	RegistrationRequired  Condition = "registration-required"   // register first
	RemoteServerNotFound  Condition = "remote-server-not-found" // the domain has no reachable server
	RemoteServerTimeout   Condition = "remote-server-timeout"   // the domain's server could not be talked to
	ResourceConstraint    Condition = "resource-constraint"     // too busy
	ServiceUnavailable    Condition = "service-unavailable"     // not provided here
	SubscriptionRequired  Condition = "subscription-required"   // subscribe first
	UndefinedCondition    Condition = "undefined-condition"     // see Error.App
	UnexpectedRequest     Condition = "unexpected-request"      // understood, but not now
)

// DefaultType returns the error type that RFC 6120 section 8.3.3 recommends for
// c. Where it names several, this is the first for feature-not-implemented
// (cancel) and policy-violation (modify), and that of the section's own example
// for unexpected-request (modify). For undefined-condition, where any may be used,
// and for what is no defined condition it is Cancel.
func (c Condition) DefaultType() ErrorType {
	switch c {
	case BadRequest, JIDMalformed, NotAcceptable, PolicyViolation, Redirect, UnexpectedRequest:
		return Modify
	case Forbidden, NotAuthorized, RegistrationRequired, SubscriptionRequired:
		return Auth
	case RecipientUnavailable, RemoteServerTimeout, ResourceConstraint:
		return Wait
	}
	return Cancel
}

// Defined reports whether c is one of the 22 conditions of RFC 6120.
func (c Condition) Defined() bool {
	switch c {
	case BadRequest, Conflict, FeatureNotImplemented, Forbidden, Gone, InternalServerError,
		ItemNotFound, JIDMalformed, NotAcceptable, NotAllowed, NotAuthorized, PolicyViolation,
		RecipientUnavailable, Redirect, RegistrationRequired, RemoteServerNotFound,
		RemoteServerTimeout, ResourceConstraint, ServiceUnavailable, SubscriptionRequired,
		UndefinedCondition, UnexpectedRequest:
		return true
	}
	return false
}

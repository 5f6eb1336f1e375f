package dialback

import "isthmus.im/jid"

// Authority answers the verification requests of other servers: it says whether
// a key was made by this side. It keeps no state and may be used from several
// goroutines, if its functions may.
type Authority struct {
	Secret Secret                    // required
	Serves func(domain jid.JID) bool // whether a domain is one of this side's; required
}

// Answer answers a request of kind [Verify] (XEP-0220 section 2.2.2). The stream
// that it came on need not be authenticated.
func (a Authority) Answer(request Element) Element {
	if !a.Serves(request.To) {
		return request.failure(ItemNotFound, request.To.String()+" is not served here")
	}
	secrets := a.Secret.usable()
	switch {
	case len(secrets) == 0:
		return request.failure(InternalServerError, "keys cannot be checked at the moment")
	case recognizes(secrets, request.Key, request.From, request.To, request.ID):
		return request.answer(Valid)
	}
	return request.answer(Invalid)
}

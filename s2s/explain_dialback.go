package s2s

import (
	"errors"

	"isthmus.im/internal/dialback"
	"isthmus.im/internal/stream"
)

// handover reports what made Server Dialback necessary.
func (v *view) handover(h stream.Handover) {
	var auth *stream.AuthError
	if !errors.As(h.External, &auth) {
		return
	}
	if auth.Condition != "" {
		v.p.found(StepAuth, StatusWarning, CodeCertificateRefused, auth.Error())
		return
	}
	_, code := judgeAuth(auth)
	v.p.foundAt(v.offered, StepFeatures, StatusWarning, code, auth.Error())
}

// judgeDialback finds the code of a Server Dialback of ours that came to nothing.
func judgeDialback(e *dialback.Error) Code {
	var se *StreamError
	switch {
	case e.Invalid:
		return CodeDialbackKey
	case e.Condition == dialback.RemoteConnectionFailed, e.Condition == dialback.RemoteServerTimeout, e.Condition == dialback.RemoteServerNotFound:
		return CodeDialbackUnreachable
	case e.Err == nil, errors.As(e.Err, &se) && se.Remote:
		return CodeDialbackRefused
	default:
		return CodeDialbackUnanswered
	}
}

// remedyOfDialback is the part of remedy about Server Dialback.
func remedyOfDialback(c Code, local, remote string) string {
	switch c {
	case CodeDialback:
		return "It works, and rests on DNS: the certificate of " + local + " has to be accepted at " + remote + ", and that of " + remote + " here, for a proof."
	case CodeDialbackKey:
		return "A server that DNS names for " + local + " said that the key is not its own: the SRV records of " + local +
			" have to lead to this server alone, or to others with the same Dialback.Secret. A certificate that " + remote + " accepts makes it needless."
	case CodeDialbackUnreachable:
		return "The server of " + remote + " could not ask whether the key is ours: it must be able to connect to the servers that the SRV records of " + local +
			" name. Check this side with CheckDomain and its firewall, and DNS as " + remote + " sees it."
	case CodeDialbackRefused:
		return "The server of " + remote + " does not accept Server Dialback from " + local + ": its administrator has to allow it, or to accept the certificate of " + local + "."
	case CodeDialbackUnanswered:
		return "The server of " + remote + " did not answer the dialback key: look into its log; often it cannot reach " + local + " to have it checked."
	}
	return ""
}

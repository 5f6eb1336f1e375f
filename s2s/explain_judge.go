package s2s

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"isthmus.im/internal/dane"
	"isthmus.im/internal/dialback"
	"isthmus.im/internal/locate"
	"isthmus.im/internal/pkixid"
	"isthmus.im/internal/posh"
	"isthmus.im/internal/staple"
	"isthmus.im/internal/stream"
)

// codeOfTargets judges the error of locate.Targets.
func codeOfTargets(err error) Code {
	switch {
	case errors.Is(err, locate.ErrNoService):
		return CodeNoService
	case notThere(err):
		return CodeNoSuchDomain
	default:
		return CodeDNSUnavailable
	}
}

// codeOfDial judges the error of a dialer.
func codeOfDial(err error) Code {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return CodeConnectionRefused
	case isTimeout(err):
		return CodeConnectionTimeout
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return CodeUnreachable
	default:
		return CodeConnectionFailed
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}

// alert returns the text of a TLS alert that the peer sent.
func alert(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err.Error()
	}
	return ""
}

// codeOfHandshake judges a TLS handshake that failed.
func codeOfHandshake(err error) Code {
	text := alert(err)
	switch {
	case strings.Contains(text, "certificate"):
		return CodeCertificateRefused
	case strings.Contains(text, "protocol version"), strings.Contains(err.Error(), "unsupported protocol version"):
		return CodeTLSVersion
	case isTimeout(err):
		return CodeTLSTimeout
	default:
		return CodeTLSFailed
	}
}

// codeOfIdentity judges why a domain was not proved. What DNS or a web server says
// of a certificate tells more than that no authority vouches for it.
func codeOfIdentity(err error) Code {
	var e *pkixid.Error
	var response *staple.Error
	switch {
	case errors.As(err, &response) && response.Revoked:
		return CodeRevoked
	case errors.As(err, &response):
		return CodeStapleUnusable
	case errors.As(err, new(*dane.MismatchError)):
		return CodeDANEMismatch
	case errors.As(err, new(*tlsaError)):
		return CodeTLSAUnavailable
	case errors.As(err, new(*posh.MismatchError)):
		return CodePOSHMismatch
	case !errors.As(err, &e):
		return CodeCertificateInvalid
	}
	switch e.Reason {
	case pkixid.NoCertificate:
		return CodeCertificateMissing
	case pkixid.Expired:
		return CodeCertificateExpired
	case pkixid.NotYetValid:
		return CodeCertificateNotYet
	case pkixid.NameMismatch:
		return CodeCertificateName
	case pkixid.UnknownAuthority:
		return CodeCertificateAuthority
	case pkixid.BadUsage:
		return CodeCertificateUsage
	default:
		return CodeCertificateInvalid
	}
}

// withCause adds what peers are not told.
func withCause(err error) error {
	var records *tlsaError
	var document *posh.FetchError
	switch {
	case errors.As(err, &records):
		return fmt.Errorf("%w (%v)", err, records.err)
	case errors.As(err, &document):
		return fmt.Errorf("%w (%v)", err, document.Err)
	}
	return err
}

// codeOfExpiry warns of a certificate that ends soon.
func codeOfExpiry(notAfter, now time.Time) (Status, Code) {
	const day = 24 * time.Hour
	switch left := notAfter.Sub(now); {
	case left < day:
		return StatusWarning, CodeExpires1
	case left < 7*day:
		return StatusWarning, CodeExpires7
	case left < 30*day:
		return StatusWarning, CodeExpires30
	default:
		return StatusOK, CodeOK
	}
}

// judge finds step and code of a negotiation that failed. v is what was seen of
// it.
func judge(err error, v *view) (Step, Code) {
	var identity *stream.IdentityError
	var auth *stream.AuthError
	var noTLS *stream.TLSError
	var shake *handshakeError
	var end *stream.EndError
	var se *stream.Error
	var key *dialback.Error
	switch {
	case errors.Is(err, errSelf):
		return StepStream, CodeOwnServer
	case errors.As(err, &key):
		return StepDialback, judgeDialback(key)
	case errors.As(err, &identity):
		return StepIdentity, codeOfIdentity(identity.Err)
	case errors.As(err, &auth):
		return judgeAuth(auth)
	case errors.As(err, &noTLS) && noTLS.Refused:
		return StepTLS, CodeSTARTTLSRefused
	case errors.As(err, &noTLS):
		return StepTLS, CodeNoSTARTTLS
	case errors.As(err, &shake):
		return StepTLS, codeOfHandshake(shake.err)
	case errors.As(err, &se):
		return judgeStream(se, v)
	case errors.As(err, &end) && strings.Contains(alert(end), "certificate"):
		return StepAuth, CodeCertificateRefused
	default:
		return v.step(), CodeConnectionLost
	}
}

func judgeAuth(e *stream.AuthError) (Step, Code) {
	switch {
	case e.Condition == "" && e.Dialback:
		return StepFeatures, CodeDialbackOnly
	case e.Condition == "":
		return StepFeatures, CodeNoExternal
	case e.Condition == "not-authorized":
		return StepAuth, CodeCertificateRefused
	default:
		return StepAuth, CodeAuthFailed
	}
}

func judgeStream(e *stream.Error, v *view) (Step, Code) {
	if !e.Remote {
		switch {
		case e.Condition == stream.ConnectionTimeout && !v.header:
			return v.step(), CodeSilent
		case e.Condition == stream.ConnectionTimeout:
			return v.step(), CodeStalled
		case !v.features:
			return v.step(), CodeNotXMPP
		default:
			return v.step(), CodeProtocolError
		}
	}
	switch e.Condition {
	case stream.HostUnknown, stream.HostGone:
		return v.step(), CodeHostUnknown
	case stream.NotAuthorized:
		return StepAuth, CodeCertificateRefused
	case stream.PolicyViolation:
		return v.step(), CodePeerPolicy
	case stream.ResourceConstraint, stream.SystemShutdown, stream.Reset:
		return v.step(), CodePeerBusy
	default:
		return v.step(), CodeStreamError
	}
}

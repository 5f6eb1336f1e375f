package s2s

import (
	"context"

	"isthmus.im/jid"
)

// proof returns the method by which the certificate of the TLS peer proves a
// domain.
func (c *conn) proof(ctx context.Context, domain jid.JID) (Method, error) {
	cs := c.tls.ConnectionState()
	if err := c.s.verifier.VerifyPeer(ctx, domain, &cs); err != nil {
		return 0, err
	}
	return MethodPKIX, nil
}

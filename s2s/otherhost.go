package s2s

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"isthmus.im/internal/locate"
	"isthmus.im/internal/stream"
)

// maxOtherHosts is how many times an attempt follows a see-other-host.
const maxOtherHosts = 2

// elsewhere returns the targets that the servers of a domain name instead of
// themselves (RFC 6120 section 4.9.3.19), if Reach.OtherHosts lets us go there.
// The domain to be authenticated stays the same.
func (s *Server) elsewhere(ctx context.Context, rule *rule, failures []locate.Failure) ([]locate.Target, error) {
	if !s.reach.or(rule.Reach).OtherHosts {
		return nil, nil
	}
	for _, f := range failures {
		var e *StreamError
		if !errors.As(f.Err, &e) || e.Condition != stream.SeeOtherHost || !e.Remote || e.Host == "" {
			continue
		}
		host, port, err := net.SplitHostPort(e.Host)
		if err != nil { // no port
			host, port = strings.Trim(e.Host, "[]"), ""
		}
		if _, err := netip.ParseAddr(host); err != nil && port == "" {
			ctx, cancel := context.WithTimeout(ctx, s.limits.Negotiation)
			defer cancel()
			return locate.Targets(ctx, s.resolver, host, s.intN)
		}
		n := uint64(5269)
		if port != "" {
			if n, err = strconv.ParseUint(port, 10, 16); err != nil {
				return nil, nil
			}
		}
		return []locate.Target{{Host: host, Port: uint16(n)}}, nil
	}
	return nil, nil
}

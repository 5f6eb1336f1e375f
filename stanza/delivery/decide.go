package delivery

import (
	"slices"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/payload"
)

// Session is a connected session of an account.
type Session struct {
	JID      jid.JID // the full address
	Priority int8    // see RFC 6121 section 4.7.2.3; negative: gets only what is addressed to it
}

// Policy is what RFC 6121 leaves to the service.
type Policy struct {
	// Keeps: messages can be kept for an account without sessions.
	Keeps bool
	// MostAvailable: a message to the account goes only to the sessions with the
	// highest priority, unless it is about a call (XEP-0353), which rings everywhere.
	// False: to all whose priority is not negative.
	MostAvailable bool
}

// Decision is what becomes of a message or presence. The zero Decision ignores it.
type Decision struct {
	To   []Session     // who gets it, by falling priority
	Keep bool          // nobody gets it now: keep it
	Err  *stanza.Error // nobody gets it at all, and its sender is told
}

// Decide says what becomes of a message, available or unavailable presence, or
// an iq of any type, for an account that exists (RFC 6121 sections 8.5.2 and
// 8.5.3). Presence that changes subscriptions, and probes, are not its concern.
// Whoever may send requests to a session is for the caller to check.
func Decide(st *stanza.Stanza, sessions []Session, p Policy) Decision {
	var match, open []Session
	for _, s := range sessions {
		if s.JID == st.To {
			match = []Session{s}
		}
		if s.Priority >= 0 {
			open = append(open, s)
		}
	}
	slices.SortStableFunc(open, func(a, b Session) int { return int(b.Priority) - int(a.Priority) })
	refused := Decision{Err: &stanza.Error{Condition: stanza.ServiceUnavailable}}
	switch {
	case match != nil:
		return Decision{To: match}
	case st.Kind == stanza.IQ && (st.Type == stanza.Get || st.Type == stanza.Set):
		return refused
	case st.Kind == stanza.Presence && st.To.IsBare():
		all := slices.Clone(sessions)
		slices.SortStableFunc(all, func(a, b Session) int { return int(b.Priority) - int(a.Priority) })
		return Decision{To: all}
	case st.Kind != stanza.Message || st.Type == stanza.TypeError:
		return Decision{}
	case st.Type == stanza.GroupChat:
		return refused
	case st.Type == stanza.Headline && st.To.IsBare():
		return Decision{To: open}
	case st.Type != stanza.Chat && !st.To.IsBare():
		return refused
	case len(open) == 0 && p.Keeps:
		return Decision{Keep: true}
	case len(open) == 0:
		return refused
	case p.MostAvailable && !rings(st):
		n := 1
		for n < len(open) && open[n].Priority == open[0].Priority {
			n++
		}
		return Decision{To: open[:n]}
	}
	return Decision{To: open}
}

// rings reports whether a message is about a call, which all of somebody's sessions
// announce and, when one of them has taken it, announce no longer (XEP-0353 section 3.1).
func rings(m *stanza.Stanza) bool {
	for name := range m.Payloads() {
		if name.Space == payload.NSCalls {
			return true
		}
	}
	return false
}

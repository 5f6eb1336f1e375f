package presence

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Session is one available session of a user.
type Session struct {
	JID      jid.JID        // the full address
	Priority int8           // see RFC 6121 section 4.7.2.3
	Presence *stanza.Stanza // as announced; belongs to the caller
}

// user is what is kept of a user while there are sessions. Service.mu guards it and
// the sessions.
type user struct {
	sessions map[string]*session // by resource
	watching map[string]struct{} // domains of contacts, while online
	retry    *time.Timer         // repeats requests, while online and there are any
	changes  int                 // counts the broadcasts of all sessions
}

// session is one resource. It stays for Service.Interval after its end, so that one
// which comes and goes is held to the interval too.
type session struct {
	jid      jid.JID
	want     *stanza.Stanza // what was announced last; nil: nothing
	sent     *stanza.Stanza // what was broadcast last; nil: nothing
	last     time.Time      // when that was
	busy     bool           // a goroutine broadcasts
	timer    bool           // one will look at the session later
	again    bool           // the last broadcast did not reach everybody
	directed map[jid.JID]struct{}
	denied   []jid.JID // who lost sight of the user while busy
}

// available reports whether presence, which may be nil, is that of an available
// session.
func available(p *stanza.Stanza) bool { return p != nil && p.Type == "" }

// changed reports whether subscribers have to be told something.
func (ss *session) changed() bool {
	if ss.again {
		return true
	}
	if !available(ss.want) || !available(ss.sent) {
		return available(ss.want) != available(ss.sent)
	}
	a, b := ss.want, ss.sent
	return a.ID != b.ID || a.Lang != b.Lang || !bytes.Equal(a.Inner, b.Inner)
}

// online reports whether the user's subscribers think that there is a session.
func (u *user) online() bool {
	for _, ss := range u.sessions {
		if available(ss.sent) {
			return true
		}
	}
	return false
}

// shown lists, in order of their addresses, what was broadcast for each available
// session.
func (u *user) shown() []*stanza.Stanza {
	if u == nil {
		return nil
	}
	var all []*stanza.Stanza
	for _, ss := range u.sessions {
		if available(ss.sent) {
			all = append(all, ss.sent)
		}
	}
	slices.SortFunc(all, func(a, b *stanza.Stanza) int { return a.From.Compare(b.From) })
	return all
}

// to returns a copy of presence for one recipient.
func to(p *stanza.Stanza, contact jid.JID) *stanza.Stanza {
	c := p.Clone()
	c.To = contact
	return c
}

// Announce takes the presence of a session of a local user: p.From is its full
// address, p.Type is "" or [stanza.Unavailable]. The host calls it when a session
// begins, changes its presence and ends, however it ends; for one session, in order.
// p is neither kept nor changed.
//
// Presence without To is for all who may see it. They are told at once, or when
// Interval has passed since they were told last; what repeats the last presence is
// left out. When it is the first of a user's sessions, contacts are probed, once
// each, and requests without answer are sent again.
//
// Presence with To is directed presence (RFC 6121 section 4.6). The recipient is
// remembered, unless they see the user's presence anyway, and told when the session
// becomes unavailable.
//
// The errors are [ErrAddress], [ErrType], [ErrResources], [ErrDirected], those of the
// roster and of ctx, after which the broadcast is made again when Interval has
// passed, and for directed presence those of Out.
func (s *Service) Announce(ctx context.Context, p *stanza.Stanza) error {
	switch {
	case p.Kind != stanza.Presence || p.Type != "" && p.Type != stanza.Unavailable:
		return fmt.Errorf("%w, not %s of type %q", ErrType, p.Kind, p.Type)
	case p.From.IsBare():
		return fmt.Errorf("%w: session %q", ErrAddress, p.From)
	case !p.To.IsZero():
		return s.direct(ctx, p.Clone())
	}
	p = p.Clone()
	s.mu.Lock()
	u, ss, err := s.session(p.From, available(p))
	if ss == nil {
		s.mu.Unlock()
		return err
	}
	ss.want = p
	var directed []jid.JID
	if !available(p) {
		for target := range ss.directed {
			directed = append(directed, target)
		}
		ss.directed = nil
	}
	due := !ss.busy && !ss.timer && ss.changed() && time.Since(ss.last) >= s.interval()
	if due {
		ss.busy = true
	} else {
		s.settle(u, ss)
	}
	s.mu.Unlock()
	for _, target := range directed {
		s.trySend(ctx, to(p, target))
	}
	if due {
		return s.broadcast(ctx, u, ss)
	}
	return nil
}

// session finds the session with that address, and makes it if wanted. It returns no
// session, without error, for one that is not there. Service.mu is held.
func (s *Service) session(full jid.JID, create bool) (*user, *session, error) {
	bare := full.Bare()
	u := s.users[bare]
	if u == nil {
		if !create {
			return nil, nil, nil
		}
		if s.users == nil {
			s.users = make(map[jid.JID]*user)
		}
		u = &user{sessions: make(map[string]*session)}
		s.users[bare] = u
	}
	ss := u.sessions[full.Resource()]
	if ss == nil && create {
		if len(u.sessions) >= orDefault(s.MaxResources, 16) {
			return u, nil, fmt.Errorf("%w: %s", ErrResources, bare)
		}
		ss = &session{jid: full}
		u.sessions[full.Resource()] = ss
	}
	return u, ss, nil
}

// Sessions returns the available sessions of a user as they were announced, those of
// higher priority first and those of the same in order of their addresses. It
// returns nil for a user who has none.
func (s *Service) Sessions(user jid.JID) []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user.Bare()]
	if u == nil {
		return nil
	}
	var all []Session
	for _, ss := range u.sessions {
		if available(ss.want) {
			all = append(all, Session{JID: ss.jid, Priority: priority(ss.want), Presence: ss.want.Clone()})
		}
	}
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.JID.Compare(b.JID))
	})
	return all
}

// priority reads the priority of presence; what is no number from -128 to 127 is 0.
func priority(p *stanza.Stanza) int8 {
	var x struct {
		XMLName xml.Name `xml:"priority"`
		Text    string   `xml:",chardata"`
	}
	if p.Decode(&x) != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(x.Text), 10, 8)
	if err != nil {
		return 0
	}
	return int8(n)
}

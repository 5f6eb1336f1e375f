package presence

import (
	"context"
	"fmt"
	"time"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// patience is how long something delayed may take once it runs, and pause how long a
// broadcast waits at least after the roster failed.
const (
	patience = time.Minute
	pause    = time.Second
)

// settle sees to it that something will look at a session again: when a change can
// be broadcast, or when a session that ended can be forgotten. Service.mu is held.
func (s *Service) settle(u *user, ss *session) {
	if ss.busy || ss.timer {
		return
	}
	idle := !available(ss.want) && !available(ss.sent) && len(ss.directed) == 0
	wait := s.interval() - time.Since(ss.last)
	switch {
	case !ss.changed() && !idle:
	case !ss.changed() && wait <= 0:
		delete(u.sessions, ss.jid.Resource())
		if bare := ss.jid.Bare(); len(u.sessions) == 0 && s.users[bare] == u {
			delete(s.users, bare)
		}
	default:
		s.later(u, ss, max(wait, 0))
	}
}

// later arms the session's timer. Service.mu is held.
func (s *Service) later(u *user, ss *session, d time.Duration) {
	ss.timer = true
	time.AfterFunc(d, func() {
		s.work.Do(func(ctx context.Context) { s.due(ctx, u, ss) })
	})
}

// due does what later was called for.
func (s *Service) due(ctx context.Context, u *user, ss *session) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.mu.Lock()
	ss.timer = false
	due := !ss.busy && ss.changed()
	if due {
		ss.busy = true
	} else {
		s.settle(u, ss)
	}
	s.mu.Unlock()
	if due {
		if err := s.broadcast(ctx, u, ss); err != nil {
			s.log().Error("presence not broadcast", "local", ss.jid, "err", err)
		}
	}
}

// Close ends what the Service does on its own, such as broadcasts that wait for Interval,
// requests that are repeated and news of links, and waits for what of it is being done.
// A host calls it, after Flush, before it closes Roster. The functions of the Service
// must not call it. What the methods do at once they still do.
func (s *Service) Close() { s.work.Close() }

// Flush broadcasts at once what waits for Interval to pass. A host calls it before it
// stops, after it has announced that its sessions are unavailable. The error is
// that of ctx or the last one of the roster.
func (s *Service) Flush(ctx context.Context) error {
	type waiting struct {
		u  *user
		ss *session
	}
	var all []waiting
	s.mu.Lock()
	for _, u := range s.users {
		for _, ss := range u.sessions {
			if !ss.busy && ss.changed() {
				ss.busy = true
				all = append(all, waiting{u, ss})
			}
		}
	}
	s.mu.Unlock()
	var failed error
	for _, w := range all {
		if err := s.broadcast(ctx, w.u, w.ss); err != nil {
			failed = err
		}
	}
	return failed
}

// broadcast tells all subscribers what a session wants them to know. The caller has
// made the session busy.
func (s *Service) broadcast(ctx context.Context, u *user, ss *session) error {
	bare := ss.jid.Bare()
	s.mu.Lock()
	p, before := ss.want, ss.sent
	login := available(p) && !u.online()
	initial := available(p) && !available(before)
	ss.sent, ss.last, ss.again = p, time.Now(), false
	u.changes++
	s.mu.Unlock()

	items, err := s.Roster.Items(ctx, bare)
	if err == nil {
		if login {
			s.attend(u, bare, items)
		}
		for _, it := range items {
			if it.Subscription.HasFrom() && ctx.Err() == nil {
				s.trySend(ctx, to(p, it.Contact))
			}
		}
		if login {
			s.login(ctx, bare, items)
		}
		err = ctx.Err()
	}
	if err != nil {
		s.mu.Lock()
		ss.sent, ss.again, ss.busy, ss.denied = before, true, false, nil
		if !ss.timer {
			s.later(u, ss, max(s.interval(), pause))
		}
		s.mu.Unlock()
		return fmt.Errorf("presence: broadcast of %s: %w", ss.jid, err)
	}
	if initial {
		s.remind(ctx, bare, items)
	}
	s.finish(ctx, u, ss, items, initial)
	return nil
}

// attend watches the domains of the contacts whom a user who comes online will ask
// something, before they are asked: an answer may be there, and its link broken, before
// all are.
func (s *Service) attend(u *user, bare jid.JID, items []roster.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range items {
		s.watchItem(u, bare, it)
	}
}

// finish ends a broadcast that reached all.
func (s *Service) finish(ctx context.Context, u *user, ss *session, items []roster.Item, initial bool) {
	bare := ss.jid.Bare()
	s.mu.Lock()
	ss.busy = false
	denied := ss.denied
	ss.denied = nil
	if initial {
		for _, it := range items { // subscribers get the broadcasts from now on
			if it.Subscription.HasFrom() {
				ss.forget(it.Contact)
			}
		}
	}
	if !u.online() {
		s.unwatch(u, bare)
	}
	s.settle(u, ss)
	s.mu.Unlock()
	for _, contact := range denied { // who may have been told after withdraw
		if it, err := s.item(ctx, bare, contact); err != nil || !it.Subscription.HasFrom() {
			s.tryType(ctx, stanza.Unavailable, ss.jid, contact, "")
		}
	}
}

// login asks for what a user who comes online needs to know, and repeats the
// requests without answer: the answer may have been lost.
func (s *Service) login(ctx context.Context, user jid.JID, items []roster.Item) {
	for _, it := range items {
		switch {
		case ctx.Err() != nil:
			return
		case it.Ask:
			s.tryType(ctx, stanza.Subscribe, user, it.Contact, "")
		case it.Subscription.HasTo():
			s.tryType(ctx, stanza.Probe, user, it.Contact, "")
		}
	}
}

// introduce sends the presence of each session to a contact who may see it from now
// on, and again if it changes meanwhile.
func (s *Service) introduce(ctx context.Context, bare, contact jid.JID) {
	for seen := -1; ctx.Err() == nil; {
		s.mu.Lock()
		u := s.users[bare]
		if u == nil || u.changes == seen {
			s.mu.Unlock()
			return
		}
		seen = u.changes
		shown := u.shown()
		for _, ss := range u.sessions {
			if available(ss.sent) {
				ss.forget(contact)
			}
		}
		s.mu.Unlock()
		for _, p := range shown {
			s.trySend(ctx, to(p, contact))
		}
	}
}

// withdraw tells a contact who may not see the user's presence any more that each
// session is unavailable.
func (s *Service) withdraw(ctx context.Context, bare, contact jid.JID) {
	s.mu.Lock()
	u := s.users[bare]
	shown := u.shown()
	if u != nil {
		for _, ss := range u.sessions {
			if ss.busy {
				ss.denied = append(ss.denied, contact)
			}
		}
	}
	s.mu.Unlock()
	for _, p := range shown {
		s.tryType(ctx, stanza.Unavailable, p.From, contact, "")
	}
}

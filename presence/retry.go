package presence

import (
	"context"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// retryLater arms the timer that repeats the requests without answer of a user who is
// online. Service.mu is held.
func (s *Service) retryLater(u *user, bare jid.JID) {
	every := orDefault(s.Retry, time.Hour)
	if every < 0 {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(every, func() {
		s.mu.Lock()
		due := u.retry == timer
		if due {
			u.retry = nil
			due = u.online()
		}
		s.mu.Unlock()
		if due {
			s.work.Do(func(ctx context.Context) { s.repeat(ctx, u, bare) })
		}
	})
	u.retry = timer
}

// repeat sends the requests without answer once more, and goes on while there are any:
// the request or its answer may have been lost.
func (s *Service) repeat(ctx context.Context, u *user, bare jid.JID) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	items, err := s.Roster.Items(ctx, bare)
	if err != nil {
		s.log().Error("requests not repeated", "local", bare, "err", err)
		s.mu.Lock()
		if u.retry == nil && u.online() {
			s.retryLater(u, bare)
		}
		s.mu.Unlock()
		return
	}
	for _, it := range items {
		if it.Ask {
			s.tryType(ctx, stanza.Subscribe, bare, it.Contact, "")
			s.watchIfOnline(bare, it)
		}
	}
}

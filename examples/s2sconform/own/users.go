package own

import (
	"context"
	"net"
	"sync"

	"isthmus.im/examples/s2sconform/conform"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// users is the handler of the server: it delivers to everybody who is online.
type users struct {
	srv *s2s.Server

	mu     sync.Mutex
	online map[*user]bool
}

func newUsers() *users { return &users{online: make(map[*user]bool)} }

// HandleStanza delivers what is for the account or its only session. Requests
// are left to the server, which answers that there is no such service.
func (us *users) HandleStanza(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	if s.To.Bare().String() != account || s.Kind == stanza.IQ && (s.Type == stanza.Get || s.Type == stanza.Set) {
		return nil, nil
	}
	us.mu.Lock()
	defer us.mu.Unlock()
	for u := range us.online {
		u.put(s.String())
	}
	return nil, nil
}

// login makes the account's session available.
func (us *users) login(context.Context) (conform.User, error) {
	u := &user{all: us, got: make(chan struct{}, 1)}
	us.mu.Lock()
	defer us.mu.Unlock()
	us.online[u] = true
	return u, nil
}

// user is a session of the account.
type user struct {
	all *users
	got chan struct{} // buffered; something was delivered, or it is over

	mu     sync.Mutex
	list   []string
	closed bool
}

var (
	_ conform.User      = (*user)(nil)
	_ conform.Requester = (*user)(nil)
)

func (u *user) put(stanza string) {
	u.mu.Lock()
	u.list = append(u.list, stanza)
	u.mu.Unlock()
	u.poke()
}

func (u *user) poke() {
	select {
	case u.got <- struct{}{}:
	default:
	}
}

// Address implements conform.User.
func (u *user) Address() string { return account + "/balcony" }

// Send implements conform.User.
func (u *user) Send(ctx context.Context, xml string) error {
	s, err := parse(xml)
	if err != nil {
		return err
	}
	return u.all.srv.Send(ctx, s)
}

// Request implements conform.Requester.
func (u *user) Request(ctx context.Context, xml string) (string, error) {
	s, err := parse(xml)
	if err != nil {
		return "", err
	}
	answer, err := u.all.srv.Request(ctx, s)
	if err != nil {
		return "", err
	}
	return answer.String(), nil
}

// parse reads a stanza as a client writes it.
func parse(xml string) (*stanza.Stanza, error) { return stanza.Parse([]byte(xml)) }

// Next implements conform.User.
func (u *user) Next() (string, error) {
	for {
		u.mu.Lock()
		if len(u.list) > 0 {
			s := u.list[0]
			u.list = u.list[1:]
			u.mu.Unlock()
			return s, nil
		}
		closed := u.closed
		u.mu.Unlock()
		if closed {
			return "", net.ErrClosed
		}
		<-u.got
	}
}

// Close implements conform.User.
func (u *user) Close() error {
	u.all.mu.Lock()
	delete(u.all.online, u)
	u.all.mu.Unlock()
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.poke()
	return nil
}

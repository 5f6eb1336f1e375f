package main

import (
	"bufio"
	"fmt"
	"time"
)

// message is a chat message of about 250 bytes.
func (b *bench) message(from, to, kind string) string {
	return fmt.Sprintf("<message type='%s' id='m%d' from='%s' to='%s'>"+
		"<body>But soft, what light through yonder window breaks? It is the east.</body></message>",
		kind, b.serial.Add(1), load(from), to)
}

// load is the address that messages from a domain come from.
func load(domain string) string { return "load@" + domain + "/generator" }

// flood writes n messages as fast as the server takes them; then done must
// find that all of them have been dealt with.
func (b *bench) flood(s *stream, n, chunk int, text func() string, done func() error) error {
	w := bufio.NewWriterSize(s.conn, chunk)
	for i := 0; i < n; i++ {
		if _, err := w.WriteString(text()); err != nil {
			return err
		}
		if chunk < 512 {
			w.Flush()
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return done()
}

func (b *bench) floods() {
	from := "flood.bench.test"
	nobody := "nobody@" + b.domain
	const big = 16 << 10

	// Errors to an account that does not exist are dropped, so this is the
	// way in alone.  A ping at the end, which nobody answers either but with
	// an error, tells when they have been dealt with.
	s, _ := b.dialBench(from, false)
	back := newCounter("<iq")
	b.l.sink.Store(back)
	check(b.window(s, from, back, 10, 1))
	for _, chunk := range []int{big, 16} {
		name, key := "errors to nobody, dropped, 16 KiB a write", "drop_16k"
		if chunk != big {
			name, key = "errors to nobody, dropped, one a write", "drop_1"
		}
		b.repeat(key, name, b.count, func() error {
			start := back.n.Load()
			return b.flood(s, b.count, chunk, func() string { return b.message(from, nobody, "error") },
				func() error {
					// From and to the same addresses, hence after the rest.
					if err := s.send(b.pingBetween(load(from), nobody)); err != nil {
						return err
					}
					return back.wait(start+1, 30*time.Second)
				})
		})
	}

	// Chat to such an account comes back, one error each.
	errs := newCounter("<message")
	b.l.sink.Store(errs)
	b.repeat("bounce", "chat to nobody, all bounced", b.count, func() error {
		start := errs.n.Load()
		return b.flood(s, b.count, big, func() string { return b.message(from, nobody, "chat") },
			func() error { return errs.wait(start+int64(b.count), 30*time.Second) })
	})

	// Chat to somebody who is there.
	if b.userName == "" {
		s.conn.Close()
		return
	}
	if b.c2s == "" {
		b.accepted(s, from)
		s.conn.Close()
		return
	}
	u, err := b.login(b.c2s, b.userName, b.domain, b.d.Password)
	check(err)
	got := newCounter("<message")
	u.sink.Store(got)
	to := b.userName + "@" + b.domain
	b.repeat("chat", "chat to a client, all delivered", b.count, func() error {
		start := got.n.Load()
		return b.flood(s, b.count, big, func() string { return b.message(from, to, "chat") },
			func() error { return got.wait(start+int64(b.count), 30*time.Second) })
	})

	// The same over four streams at once.
	var four []*stream
	for i := 0; i < 4; i++ {
		f, _ := b.dialBench(fmt.Sprintf("f%d.bench.test", i), false)
		four = append(four, f)
	}
	b.repeat("chat_4", "chat to a client, from four streams", b.count, func() error {
		start := got.n.Load()
		errc := make(chan error, len(four))
		for i, f := range four {
			go func() {
				errc <- b.flood(f, b.count/4, big, func() string {
					return b.message(fmt.Sprintf("f%d.bench.test", i), to, "chat")
				}, func() error { return nil })
			}()
		}
		for range four {
			if err := <-errc; err != nil {
				return err
			}
		}
		return got.wait(start+int64(b.count/4*4), 30*time.Second)
	})
	for _, f := range append(four, s) {
		f.conn.Close()
	}
	u.s.conn.Close()
}

// accepted measures chat to a user of a service whose client protocol we do not
// speak: what it costs to take the messages and keep them.  A ping between the
// same two addresses comes after them all.
func (b *bench) accepted(s *stream, from string) {
	to := b.userName + "@" + b.domain
	back := newCounter("<iq")
	b.l.sink.Store(back)
	n := min(b.count, maxAccepted)
	b.repeat("accept", "chat to a user, all accepted", n, func() error {
		start := back.n.Load()
		return b.flood(s, n, 16<<10, func() string { return b.message(from, to, "chat") },
			func() error {
				if err := s.send(b.pingBetween(load(from), to)); err != nil {
					return err
				}
				return back.wait(start+1, 30*time.Second)
			})
	})
}

// maxAccepted bounds what a service is made to keep in its memory.
const maxAccepted = 100000

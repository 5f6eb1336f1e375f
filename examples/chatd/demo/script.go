package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"isthmus.im/examples/chatd/store"
)

// play makes the users and lets them talk, prints what happens, and checks it.
func play(ctx context.Context, out io.Writer, alpha, beta *server) (alice, bob *user, err error) {
	if alice, err = alpha.newUser(ctx, "alice"); err != nil {
		return nil, nil, err
	}
	if bob, err = beta.newUser(ctx, "bob"); err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(out)
	for _, line := range []struct {
		from, to *user
		text     string
	}{
		{alice, bob, "Hello Bob! This went from one service to another."},
		{bob, alice, "Hello Alice! And this came back on a stream of its own."},
		{alice, bob, "<&> and \u2764 travel well, too."},
		{bob, alice, "So they do."},
	} {
		if err := say(ctx, out, line.from, line.to, line.text); err != nil {
			return nil, nil, err
		}
	}
	if err := meet(ctx, out, alice, bob); err != nil {
		return nil, nil, err
	}
	if err := bounce(ctx, out, alice, "nobody@"+beta.domain); err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(out)
	for _, pair := range []struct{ at, with *server }{{alpha, beta}, {beta, alpha}} {
		if err := checkStreams(ctx, out, pair.at, pair.with); err != nil {
			return nil, nil, err
		}
	}
	return alice, bob, nil
}

// say sends one message and waits until the other user has it.
func say(ctx context.Context, out io.Writer, from, to *user, text string) error {
	start := time.Now()
	id, err := from.send(ctx, to.Address, text)
	if err != nil {
		return err
	}
	e, err := to.next(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s -> %s: %s (%s)\n", e.From, e.To, e.Body, time.Since(start).Round(100*time.Microsecond))
	if e.Type != store.TypeMessage || e.From != from.Address || e.To != to.Address || e.Body != text || e.StanzaID != id {
		return fmt.Errorf("demo: %s sent %q with id %s, and %s got %+v", from.Address, text, id, to.Address, e)
	}
	return nil
}

// bounce writes to somebody who does not exist and waits to be told.
func bounce(ctx context.Context, out io.Writer, from *user, to string) error {
	id, err := from.send(ctx, to, "Is anybody there?")
	if err != nil {
		return err
	}
	e, err := from.until(ctx, func(e event) bool { return e.Type == store.TypeError })
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s -> %s: not delivered, %s\n", from.Address, to, e.Condition)
	if e.Type != store.TypeError || e.InReplyTo != id || e.Condition != "service-unavailable" {
		return fmt.Errorf("demo: the message %s to %s was answered with %+v", id, to, e)
	}
	return nil
}

// checkStreams prints the streams between two services, as one of them sees
// them: there must be one each way, encrypted and proved by certificates.
func checkStreams(ctx context.Context, out io.Writer, at, with *server) error {
	list, err := at.streams(ctx)
	if err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, s := range list {
		fmt.Fprintf(out, "stream at %s: %-3s with %s, %s, %s, %d stanzas in, %d out\n",
			s.Local, s.Direction, s.Remote, s.Method, s.TLS, s.In, s.Out)
		seen[s.Direction] = true
		if s.Local != at.domain || s.Remote != with.domain || s.Method != "EXTERNAL" || !strings.HasPrefix(s.TLS, "TLS 1.") {
			return fmt.Errorf("demo: not a stream that should be: %+v", s)
		}
	}
	if !seen["in"] || !seen["out"] {
		return fmt.Errorf("demo: %s lacks a stream with %s: %+v", at.domain, with.domain, list)
	}
	return nil
}

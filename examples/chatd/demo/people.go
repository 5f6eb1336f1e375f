package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// portrait is an image of a single dot.
const portrait = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// put changes something of a user's own: contacts/..., presence, profile.
func (u *user) put(ctx context.Context, method, what string, value any) error {
	res, err := u.at.request(ctx, method, "/v1/users/"+url.PathEscape(u.Name)+"/"+what, u.Token, value)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// until waits for an event that fits and skips those before it.
func (u *user) until(ctx context.Context, fits func(event) bool) (event, error) {
	for {
		e, err := u.next(ctx)
		if err != nil || fits(e) {
			return e, err
		}
	}
}

// present reports whether an event shows somebody as being there in some way.
func present(who *user, show string) func(event) bool {
	return func(e event) bool {
		return e.Type == "presence" && e.From == who.Address+"/chatd" && e.Show == show
	}
}

// meet lets two users see each other's presence, profile and receipts.
func meet(ctx context.Context, out io.Writer, alice, bob *user) error {
	// Each asks to see the other, who agrees.
	for _, pair := range []struct {
		who, whom *user
		presence  map[string]string
	}{
		{alice, bob, map[string]string{"show": "away", "status": "at the ball"}},
		{bob, alice, map[string]string{"show": "online"}},
	} {
		if err := pair.whom.put(ctx, "PUT", "presence", pair.presence); err != nil {
			return err
		}
		if err := pair.who.put(ctx, "PUT", "contacts/"+url.PathEscape(pair.whom.Address), map[string]string{}); err != nil {
			return err
		}
		if _, err := pair.whom.until(ctx, func(e event) bool { return e.Type == "request" && e.From == pair.who.Address }); err != nil {
			return err
		}
		if err := pair.whom.put(ctx, "POST", "requests/"+url.PathEscape(pair.who.Address), map[string]bool{"accept": true}); err != nil {
			return err
		}
		e, err := pair.who.until(ctx, present(pair.whom, pair.presence["show"]))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s sees %s: %s %s\n", pair.who.Address, e.From, e.Show, e.Status)
	}

	// A message, its receipt, and its correction.
	id, err := alice.post(ctx, map[string]any{"to": bob.Address, "body": "Meet me at nine.", "receipt": true})
	if err != nil {
		return err
	}
	if _, err := alice.until(ctx, func(e event) bool { return e.Type == "receipt" && e.InReplyTo == id }); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s has the message %s\n", bob.Address, id)
	if _, err := alice.post(ctx, map[string]any{"to": bob.Address, "body": "Meet me at ten.", "replaces": id}); err != nil {
		return err
	}
	e, err := bob.until(ctx, func(e event) bool { return e.Type == "correction" && e.Replaces == id })
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s -> %s: corrected to: %s\n", e.From, e.To, e.Body)

	// A portrait.
	image, err := base64.StdEncoding.DecodeString(portrait)
	if err != nil {
		return err
	}
	if err := alice.put(ctx, "PUT", "profile", map[string]any{"name": "Alice", "nick": "al", "avatar": map[string]string{"type": "image/png", "data": portrait}}); err != nil {
		return err
	}
	if _, err := bob.until(ctx, func(e event) bool {
		return e.Type == "contact" && e.Contact.Avatar != "" && e.Contact.Address == alice.Address
	}); err != nil {
		return err
	}
	res, err := bob.at.request(ctx, "GET", "/v1/users/"+url.PathEscape(bob.Name)+"/contacts/"+url.PathEscape(alice.Address)+"/avatar", bob.Token, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || !bytes.Equal(got, image) || res.Header.Get("Content-Type") != "image/png" {
		return fmt.Errorf("demo: the portrait came as %d bytes of %s: %v", len(got), res.Header.Get("Content-Type"), err)
	}
	fmt.Fprintf(out, "%s has the portrait of %s: %d bytes of %s\n", bob.Address, alice.Address, len(got), http.DetectContentType(got))

	// Blocked, and let in again.
	if err := bob.put(ctx, "PUT", "blocked/"+url.PathEscape(alice.Address), nil); err != nil {
		return err
	}
	if _, err := alice.until(ctx, present(bob, "offline")); err != nil {
		return err
	}
	if id, err = alice.send(ctx, bob.Address, "Are you there?"); err != nil {
		return err
	}
	if e, err = alice.until(ctx, func(e event) bool { return e.Type == "error" && e.InReplyTo == id }); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s has blocked %s: %s\n", bob.Address, alice.Address, e.Condition)
	if err := bob.put(ctx, "DELETE", "blocked/"+url.PathEscape(alice.Address), nil); err != nil {
		return err
	}
	_, err = alice.until(ctx, present(bob, "away"))
	return err
}

package demo

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"isthmus.im/examples/chatd/api"
)

// user is somebody who has signed in to one of the services.
type user struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Token   string `json:"token"`

	at   *server
	last int64 // id of the last event seen
}

// newUser makes a user, as an administrator does.
func (s *server) newUser(ctx context.Context, name string) (*user, error) {
	u := &user{at: s}
	err := s.call(ctx, "POST", "/v1/users", s.admin, map[string]string{"name": name}, u)
	return u, err
}

// streams lists the federation streams, as an administrator does.
func (s *server) streams(ctx context.Context) (list []api.Stream, err error) {
	err = s.call(ctx, "GET", "/v1/federation/streams", s.admin, nil, &list)
	return list, err
}

// send writes to somebody and returns the message's id.
func (u *user) send(ctx context.Context, to, body string) (string, error) {
	return u.post(ctx, map[string]any{"to": to, "body": body})
}

// post sends a message and returns its id.
func (u *user) post(ctx context.Context, message map[string]any) (string, error) {
	var sent struct {
		ID string `json:"id"`
	}
	err := u.at.call(ctx, "POST", "/v1/users/"+url.PathEscape(u.Name)+"/messages", u.Token, message, &sent)
	return sent.ID, err
}

// event is any of the events that a user gets.
type event struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"`
	From      string `json:"from"`
	To        string `json:"to"`
	Body      string `json:"body"`
	StanzaID  string `json:"stanza_id"`
	InReplyTo string `json:"in_reply_to"`
	Condition string `json:"condition"`
	Replaces  string `json:"replaces"`
	Show      string `json:"show"`
	Status    string `json:"status"`
	Contact   struct {
		Address string `json:"address"`
		Avatar  string `json:"avatar"`
	} `json:"contact"`
}

// next waits for the next event.
func (u *user) next(ctx context.Context) (event, error) {
	events, err := u.collect(ctx, 1)
	if err != nil {
		return event{}, err
	}
	return events[0], nil
}

// collect waits for the next n events.
func (u *user) collect(ctx context.Context, n int) ([]event, error) {
	path := fmt.Sprintf("/v1/users/%s/events?after=%d", url.PathEscape(u.Name), u.last)
	res, err := u.at.request(ctx, "GET", path, u.Token, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	in := bufio.NewScanner(res.Body)
	in.Buffer(nil, 1<<20)
	var events []event
	for len(events) < n && in.Scan() {
		data, ok := strings.CutPrefix(in.Text(), "data: ")
		if !ok {
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return nil, fmt.Errorf("demo: %s got %q: %w", u.Address, data, err)
		}
		u.last = e.ID
		events = append(events, e)
	}
	if len(events) < n {
		return nil, fmt.Errorf("demo: %s waits for an event: %w", u.Address, cmp.Or(in.Err(), io.ErrUnexpectedEOF))
	}
	return events, nil
}

// call makes a request and decodes the answer.
func (s *server) call(ctx context.Context, method, path, token string, in, out any) error {
	res, err := s.request(ctx, method, path, token, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("demo: %s %s: %w", method, path, err)
	}
	return nil
}

func (s *server) request(ctx context.Context, method, path, token string, in any) (*http.Response, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, fmt.Errorf("demo: %s %s: %w", method, path, err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+s.http+path, &body)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1024))
		return nil, fmt.Errorf("demo: %s %s at %s: %s: %s", method, path, s.domain, res.Status, bytes.TrimSpace(text))
	}
	return res, nil
}

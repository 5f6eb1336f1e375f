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
	"isthmus.im/examples/chatd/store"
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
	var sent struct {
		ID string `json:"id"`
	}
	err := u.at.call(ctx, "POST", "/v1/users/"+url.PathEscape(u.Name)+"/messages", u.Token,
		map[string]string{"to": to, "body": body}, &sent)
	return sent.ID, err
}

// next waits for the next event.
func (u *user) next(ctx context.Context) (store.Event, error) {
	events, err := u.collect(ctx, 1)
	if err != nil {
		return store.Event{}, err
	}
	return events[0], nil
}

// collect waits for the next n events.
func (u *user) collect(ctx context.Context, n int) ([]store.Event, error) {
	path := fmt.Sprintf("/v1/users/%s/events?after=%d", url.PathEscape(u.Name), u.last)
	res, err := u.at.request(ctx, "GET", path, u.Token, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	in := bufio.NewScanner(res.Body)
	in.Buffer(nil, 1<<20)
	var events []store.Event
	for len(events) < n && in.Scan() {
		data, ok := strings.CutPrefix(in.Text(), "data: ")
		if !ok {
			continue
		}
		var e store.Event
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

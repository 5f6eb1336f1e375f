package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// User is a user of a running chatd, who listens to its events all the time.
type User struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Token   string `json:"token"`

	service *Service

	mu     sync.Mutex
	events []Note // that no wait has taken
	news   chan struct{}
	err    error // why the event stream ended
}

// Note is an event of a user of chatd.
type Note struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"` // "message", "error", "presence", ...
	From      string `json:"from"`
	To        string `json:"to"`
	Body      string `json:"body"`
	StanzaID  string `json:"stanza_id"`
	InReplyTo string `json:"in_reply_to"`
	Condition string `json:"condition"`
	Text      string `json:"text"`
	Replaces  string `json:"replaces"`
	Show      string `json:"show"`
	Status    string `json:"status"`
	Contact   struct {
		Address      string `json:"address"`
		Subscription string `json:"subscription"`
		Avatar       string `json:"avatar"`
		Removed      bool   `json:"removed"`
	} `json:"contact"`
}

// NewUser creates a user, whose name may be a whole address, and opens the
// stream of events.
func (s *Service) NewUser(t testing.TB, name string) *User {
	t.Helper()
	u := &User{service: s, news: make(chan struct{}, 1)}
	if _, err := s.call("POST", "/v1/users", adminToken, map[string]string{"name": name}, u); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("GET", "http://"+s.http+"/v1/users/"+u.Name+"/events?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+u.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		resp.Body.Close()
		t.Fatalf("interop: events of %s: %s, %s", name, resp.Status, kind)
	}
	go u.listen(resp)
	t.Cleanup(func() { resp.Body.Close() })
	return u
}

// listen takes what the stream of server-sent events brings.
func (u *User) listen(resp *http.Response) {
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var n Note
		err := json.Unmarshal([]byte(data), &n)
		u.mu.Lock()
		if err != nil {
			u.err = fmt.Errorf("event %q: %w", data, err)
		} else {
			u.events = append(u.events, n)
		}
		u.mu.Unlock()
		u.wake()
	}
	u.mu.Lock()
	if u.err == nil {
		u.err = fmt.Errorf("the stream of events ended: %v", lines.Err())
	}
	u.mu.Unlock()
	u.wake()
}

func (u *User) wake() {
	select {
	case u.news <- struct{}{}:
	default:
	}
}

// TrySend posts a message. The status is that of the HTTP answer.
func (u *User) TrySend(to, body string) (id string, status int, err error) {
	var answer struct {
		ID string `json:"id"`
	}
	status, err = u.service.call("POST", "/v1/users/"+u.Name+"/messages", u.Token,
		map[string]string{"to": to, "body": body}, &answer)
	return answer.ID, status, err
}

// Change makes a request for something of the user's own, such as "presence".
func (u *User) Change(t testing.TB, method, what string, value any) {
	t.Helper()
	if _, err := u.service.call(method, "/v1/users/"+u.Name+"/"+what, u.Token, value, nil); err != nil {
		t.Fatal(err)
	}
}

// Get returns something of the user's own, such as a contact's avatar.
func (u *User) Get(t testing.TB, what string) []byte {
	t.Helper()
	var body []byte
	if _, err := u.service.call("GET", "/v1/users/"+u.Name+"/"+what, u.Token, nil, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// Post posts a message with whatever it says, and returns its id.
func (u *User) Post(t testing.TB, message map[string]any) string {
	t.Helper()
	var answer struct {
		ID string `json:"id"`
	}
	if _, err := u.service.call("POST", "/v1/users/"+u.Name+"/messages", u.Token, message, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.ID
}

// Send posts a message, which must be accepted, and returns its id.
func (u *User) Send(t testing.TB, to, body string) string {
	t.Helper()
	id, _, err := u.TrySend(to, body)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// List returns the events so far by the other way, as one array.
func (u *User) List(t testing.TB) []Note {
	t.Helper()
	var all []Note
	if _, err := u.service.call("GET", "/v1/users/"+u.Name+"/events?after=0&wait=0", u.Token, nil, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// take removes and returns the first event that fits.
func (u *User) take(fits func(Note) bool) (n Note, ok bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, n := range u.events {
		if fits(n) {
			if i == 0 {
				u.events = u.events[1:]
			} else {
				u.events = append(u.events[:i:i], u.events[i+1:]...)
			}
			return n, true, nil
		}
	}
	return n, false, u.err
}

// Wait waits for an event that no other wait has taken and that fits. The limit
// is how long to wait without any event coming.
func (u *User) Wait(t testing.TB, limit time.Duration, what string, fits func(Note) bool) Note {
	t.Helper()
	for {
		n, ok, err := u.take(fits)
		if ok {
			return n
		}
		if err != nil {
			t.Fatalf("interop: %s waits for %s: %v", u.Address, what, err)
		}
		select {
		case <-u.news:
		case <-time.After(limit):
			t.Fatalf("interop: %s got nothing for %v while waiting for %s; untaken: %+v",
				u.Address, limit, what, u.untaken())
		}
	}
}

// untaken returns the last few events that nobody has waited for.
func (u *User) untaken() []Note {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Note(nil), u.events[max(0, len(u.events)-5):]...)
}

// WaitMessage waits for a message with that bare sender and body.
func (u *User) WaitMessage(t testing.TB, from, body string) Note {
	t.Helper()
	return u.Wait(t, time.Minute, "a message from "+from, func(n Note) bool {
		return n.Type == "message" && bare(n.From) == from && n.Body == body
	})
}

// WaitError waits for the news that the message with that id bounced.
func (u *User) WaitError(t testing.TB, id string) Note {
	t.Helper()
	return u.Wait(t, time.Minute, "an error for "+id, func(n Note) bool {
		return n.Type == "error" && n.InReplyTo == id
	})
}

// ExpectNone fails the test if a fitting event has come.
func (u *User) ExpectNone(t testing.TB, what string, fits func(Note) bool) {
	t.Helper()
	if n, ok, _ := u.take(fits); ok {
		t.Errorf("interop: %s got %s: %+v", u.Address, what, n)
	}
}

func bare(address string) string {
	b, _, _ := strings.Cut(address, "/")
	return b
}

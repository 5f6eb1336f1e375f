package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"isthmus.im/examples/chatd/api"
	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

const adminToken = "the administrator's"

// outbox is a Sender that keeps what it is given.
type outbox struct {
	mu   sync.Mutex
	sent []*stanza.Stanza
	err  error
}

func (o *outbox) Send(ctx context.Context, s *stanza.Stanza) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, s)
	return o.err
}

// service is an API with a store in memory, and the log that it wrote.
type service struct {
	*api.API
	store  *store.Memory
	out    *outbox
	people *recorder
	log    *strings.Builder
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{store: store.NewMemory(), out: &outbox{}, people: &recorder{}, log: &strings.Builder{}}
	a, err := api.New(api.Config{
		Domains: []string{"capulet.example", "verona.example"},
		Store:   s.store,
		Sender:  s.out,
		People:  s.people,
		Streams: func() []api.Stream {
			return []api.Stream{{Local: "capulet.example", Remote: "montague.example", Direction: "out",
				Method: "EXTERNAL", Proof: "PKIX", TLS: "TLS 1.3", Since: time.Unix(0, 0).UTC(), In: 1, Out: 2}}
		},
		AdminToken: adminToken,
		Logger:     slog.New(slog.NewTextHandler(&lockedWriter{w: s.log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.API = a
	return s
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// do makes a request, and checks that errors have the form that is promised.
func (s *service) do(t *testing.T, method, path, token, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code >= 400 && w.Code != http.StatusServiceUnavailable {
		var e struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error == "" {
			t.Errorf("%s %s: status %d with %q", method, path, w.Code, w.Body)
		}
	}
	return w
}

// user makes a user and returns the token.
func (s *service) user(t *testing.T, name string) string {
	t.Helper()
	w := s.do(t, "POST", "/v1/users", adminToken, `{"name":"`+name+`"}`)
	var u struct{ Token string }
	if err := json.Unmarshal(w.Body.Bytes(), &u); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("making %s: %d %s", name, w.Code, w.Body)
	}
	return u.Token
}

func TestStatuses(t *testing.T) {
	s := newService(t)
	juliet, nurse := s.user(t, "juliet"), s.user(t, "nurse")
	const messages, events = "/v1/users/juliet/messages", "/v1/users/juliet/events?wait=0"
	hello := `{"to":"romeo@montague.example","body":"hello"}`
	long := func(n int) string {
		return `{"to":"romeo@montague.example","body":"` + strings.Repeat("x", n) + `"}`
	}
	for _, tt := range []struct {
		what, method, path, token, body string
		want                            int
	}{
		{"message", "POST", messages, juliet, hello, 202},
		{"message by address", "POST", "/v1/users/juliet@capulet.example/messages", juliet, hello, 202},
		{"message by another spelling", "POST", "/v1/users/JULIET/messages", juliet, hello, 202},
		{"message to oneself", "POST", messages, juliet, `{"to":"juliet@capulet.example","body":"hello"}`, 202},
		{"message to a stringprep address", "POST", messages, juliet, `{"to":"☺@montague.example","body":"hello"}`, 202},
		{"no token", "POST", messages, "", hello, 401},
		{"unknown token", "POST", messages, "guess", hello, 401},
		{"another's token", "POST", messages, nurse, hello, 403},
		{"administrator's token", "POST", messages, adminToken, hello, 403},
		{"unknown user", "POST", "/v1/users/nobody/messages", juliet, hello, 403},
		{"no address", "POST", messages, juliet, `{"body":"hello"}`, 400},
		{"malformed address", "POST", messages, juliet, `{"to":"a b@montague.example","body":"hello"}`, 400},
		{"address with an empty part", "POST", messages, juliet, `{"to":"@montague.example","body":"hello"}`, 400},
		{"empty body", "POST", messages, juliet, `{"to":"romeo@montague.example","body":""}`, 400},
		{"body not for XML", "POST", messages, juliet, `{"to":"romeo@montague.example","body":"\u0000"}`, 400},
		{"body of the wrong type", "POST", messages, juliet, `{"to":"romeo@montague.example","body":7}`, 400},
		{"not JSON", "POST", messages, juliet, `hello`, 400},
		{"more than JSON", "POST", messages, juliet, hello + hello, 400},
		{"nothing", "POST", messages, juliet, ``, 400},
		{"not UTF-8", "POST", messages, juliet, "{\"to\":\"romeo@montague.example\",\"body\":\"\xff\"}", 400},
		{"longest body", "POST", messages, juliet, long(32 << 10), 202},
		{"body too long", "POST", messages, juliet, long(32<<10 + 1), 413},
		{"request too long", "POST", messages, juliet, long(300 << 10), 413},
		{"wrong method", "GET", messages, juliet, "", 405},

		{"events", "GET", events, juliet, "", 200},
		{"events, head of a stream", "HEAD", "/v1/users/juliet/events", juliet, "", 200},
		{"events without token", "GET", events, "", "", 401},
		{"events, another's token", "GET", events, nurse, "", 403},
		{"events, administrator's token", "GET", events, adminToken, "", 403},
		{"events, bad position", "GET", events + "&after=x", juliet, "", 400},
		{"events, negative position", "GET", events + "&after=-1", juliet, "", 400},
		{"events, bad wait", "GET", "/v1/users/juliet/events?wait=no", juliet, "", 400},
		{"events, wrong method", "POST", events, juliet, "", 405},

		{"user without token", "POST", "/v1/users", "", `{"name":"tybalt"}`, 401},
		{"user made by a user", "POST", "/v1/users", juliet, `{"name":"tybalt"}`, 403},
		{"user again", "POST", "/v1/users", adminToken, `{"name":"Juliet"}`, 409},
		{"user without name", "POST", "/v1/users", adminToken, `{}`, 400},
		{"user with a bad name", "POST", "/v1/users", adminToken, `{"name":"a b"}`, 400},
		{"user at a foreign domain", "POST", "/v1/users", adminToken, `{"name":"romeo@montague.example"}`, 400},
		{"user with a resource", "POST", "/v1/users", adminToken, `{"name":"romeo@capulet.example/x"}`, 400},
		{"users, wrong method", "GET", "/v1/users", adminToken, "", 405},

		{"streams", "GET", "/v1/federation/streams", adminToken, "", 200},
		{"streams for a user", "GET", "/v1/federation/streams", juliet, "", 403},
		{"streams without token", "GET", "/v1/federation/streams", "", "", 401},
		{"health", "GET", "/healthz", "", "", 200},
		{"page", "GET", "/", "", "", 200},
		{"elsewhere", "GET", "/v2", "", "", 404},
	} {
		if w := s.do(t, tt.method, tt.path, tt.token, tt.body); w.Code != tt.want {
			t.Errorf("%s: status %d, want %d: %.200s", tt.what, w.Code, tt.want, w.Body)
		}
	}
	for _, token := range []string{juliet, nurse, adminToken} {
		if strings.Contains(s.log.String(), token) {
			t.Errorf("the log tells the token %s", token)
		}
	}
}

func TestCreateUser(t *testing.T) {
	s := newService(t)
	for _, tt := range []struct{ name, wantName, wantAddress string }{
		{"Juliet", "juliet", "juliet@capulet.example"},
		{"nurse@capulet.example", "nurse", "nurse@capulet.example"},
		{"juliet@verona.example", "juliet@verona.example", "juliet@verona.example"},
		{"straße", "straße", "straße@capulet.example"},
	} {
		w := s.do(t, "POST", "/v1/users", adminToken, `{"name":"`+tt.name+`"}`)
		var got struct{ Name, Address, Token string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusCreated {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
		if got.Name != tt.wantName || got.Address != tt.wantAddress || len(got.Token) < 22 {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if w := s.do(t, "GET", "/v1/users/"+got.Name+"/events?wait=0", got.Token, ""); w.Code != http.StatusOK || w.Body.String() != "[]\n" {
			t.Errorf("%s: events: %d %s", tt.name, w.Code, w.Body)
		}
	}
	if w := s.do(t, "POST", "/v1/users", adminToken, `{"name":"strasse"}`); w.Code != http.StatusConflict {
		t.Errorf("a name equal by stringprep: status %d", w.Code)
	}
}

func TestMessageIsSent(t *testing.T) {
	s := newService(t)
	token := s.user(t, "juliet")
	const body = "Tybalt & co say <no>\n\u2764"
	j, _ := json.Marshal(map[string]string{"to": "Romeo@montague.example/orchard", "body": body})
	w := s.do(t, "POST", "/v1/users/juliet/messages", token, string(j))
	var got struct{ ID string }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusAccepted {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(s.out.sent) != 1 {
		t.Fatalf("%d stanzas sent", len(s.out.sent))
	}
	m := s.out.sent[0]
	if m.Kind != stanza.Message || m.Type != stanza.Chat || m.ID != got.ID || m.Body() != body ||
		m.From != jid.MustParse("juliet@capulet.example") || m.To != jid.MustParse("romeo@montague.example/orchard") {
		t.Errorf("sent %s, id %s", m, got.ID)
	}
}

func TestMessageCannotBeQueued(t *testing.T) {
	s := newService(t)
	token := s.user(t, "juliet")
	s.out.err = errors.New("the queue is full")
	w := s.do(t, "POST", "/v1/users/juliet/messages", token, `{"to":"romeo@montague.example","body":"hello"}`)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"error"`) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestStreams(t *testing.T) {
	s := newService(t)
	w := s.do(t, "GET", "/v1/federation/streams", adminToken, "")
	const want = `[{"local":"capulet.example","remote":"montague.example","direction":"out","method":"EXTERNAL",` +
		`"proof":"PKIX","tls":"TLS 1.3","since":"1970-01-01T00:00:00Z","in":1,"out":2}]` + "\n"
	if w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

func TestDrainIsVisible(t *testing.T) {
	s := newService(t)
	s.Drain()
	if w := s.do(t, "GET", "/healthz", "", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", w.Code)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for what, cfg := range map[string]api.Config{
		"no domain": {AdminToken: "x"}, "no token": {Domains: []string{"capulet.example"}},
		"bad domain": {Domains: []string{"a b"}, AdminToken: "x"},
	} {
		if _, err := api.New(cfg); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

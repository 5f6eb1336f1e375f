package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
)

var julietJID = jid.MustParse("juliet@capulet.example")

func (s *service) arrive(t *testing.T, n int) {
	t.Helper()
	for range n {
		_, err := s.store.Append(t.Context(), julietJID, store.Event{
			Type: store.TypeMessage, From: "romeo@montague.example/orchard", To: "juliet@capulet.example",
			Body: "two\nlines", StanzaID: "s1", At: time.Unix(0, 0).UTC(),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestEventsArray(t *testing.T) {
	s := newService(t)
	token := s.user(t, "juliet")
	s.arrive(t, 1)
	s.store.Append(t.Context(), julietJID, store.Event{
		Type: store.TypeError, From: "nobody@montague.example", To: "juliet@capulet.example",
		InReplyTo: "m1", Condition: "service-unavailable", At: time.Unix(0, 0).UTC(),
	})
	w := s.do(t, "GET", "/v1/users/juliet/events?wait=0", token, "")
	const want = `[{"id":1,"type":"message","from":"romeo@montague.example/orchard","to":"juliet@capulet.example",` +
		`"body":"two\nlines","stanza_id":"s1","at":"1970-01-01T00:00:00Z"},
{"id":2,"type":"error","in_reply_to":"m1","condition":"service-unavailable","text":"",` +
		`"from":"nobody@montague.example","to":"juliet@capulet.example","at":"1970-01-01T00:00:00Z"}]
`
	if w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %s\nwant %s", w.Body, want)
	}
}

// The array holds everything, however many pages that takes.
func TestEventsArrayIsComplete(t *testing.T) {
	s := newService(t)
	token := s.user(t, "juliet")
	const n = 1000
	s.arrive(t, n)
	for _, after := range []int{0, 1, 256, n - 256, n - 1, n, n + 1} {
		w := s.do(t, "GET", fmt.Sprintf("/v1/users/juliet/events?wait=0&after=%d", after), token, "")
		var got []store.Event
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got) != max(0, n-after) {
			t.Fatalf("after %d: %d events, %v", after, len(got), err)
		}
		for i, e := range got {
			if e.ID != int64(after+i+1) {
				t.Fatalf("after %d: id %d at %d", after, e.ID, i)
			}
		}
	}
}

// serve serves s until the test, and what it follows, has ended.
func serve(t *testing.T, s *service) *httptest.Server {
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv
}

// follower reads an event stream.
type follower struct {
	t   *testing.T
	res *http.Response
	in  *bufio.Scanner
}

func follow(t *testing.T, srv *httptest.Server, token, query, lastID string) *follower {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/v1/users/juliet/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	return &follower{t: t, res: res, in: bufio.NewScanner(res.Body)}
}

// next returns the next event's id.
func (f *follower) next() int64 {
	f.t.Helper()
	var id int64 = -1
	for f.in.Scan() {
		line := f.in.Text()
		if s, ok := strings.CutPrefix(line, "id: "); ok {
			id, _ = strconv.ParseInt(s, 10, 64)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var e store.Event
			if err := json.Unmarshal([]byte(data), &e); err != nil || e.ID != id {
				f.t.Fatalf("id %d, %s: %v", id, data, err)
			}
			return id
		}
	}
	f.t.Fatalf("the stream ended: %v", f.in.Err())
	return 0
}

func TestEventStream(t *testing.T) {
	s := newService(t)
	token := s.user(t, "juliet")
	srv := serve(t, s)
	s.arrive(t, 600) // more than two pages

	f := follow(t, srv, token, "", "")
	for want := int64(1); want <= 600; want++ {
		if got := f.next(); got != want {
			t.Fatalf("event %d, want %d", got, want)
		}
	}
	s.arrive(t, 1) // while it waits
	if got := f.next(); got != 601 {
		t.Fatalf("event %d, want 601", got)
	}

	for _, tt := range []struct {
		what, query, lastID string
		want                int64
	}{
		{"after", "?after=599", "", 600},
		{"Last-Event-ID", "", "600", 601},
		{"both, as a client that reconnects sends them", "?after=10", "600", 601},
	} {
		if got := follow(t, srv, token, tt.query, tt.lastID).next(); got != tt.want {
			t.Errorf("%s: first event %d, want %d", tt.what, got, tt.want)
		}
	}
}

func TestDrainEndsEventStreams(t *testing.T) {
	s := newService(t)
	token := s.user(t, "juliet")
	srv := serve(t, s)
	s.arrive(t, 1)
	f := follow(t, srv, token, "", "")
	f.next()
	s.Drain()
	for f.in.Scan() {
		if strings.HasPrefix(f.in.Text(), "data:") {
			t.Errorf("got %s", f.in.Text())
		}
	}
	if err := f.in.Err(); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
}

func TestTooManyEventStreams(t *testing.T) {
	s := newService(t)
	token := s.user(t, "juliet")
	srv := serve(t, s)
	for range 16 {
		follow(t, srv, token, "", "")
	}
	if w := s.do(t, "GET", "/v1/users/juliet/events", token, ""); w.Code != http.StatusTooManyRequests {
		t.Errorf("status %d", w.Code)
	}
}

// A silent stream is kept alive by comments. Time is virtual.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		token := s.user(t, "juliet")
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			r := httptest.NewRequest("GET", "/v1/users/juliet/events", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			s.ServeHTTP(w, r)
		}()
		time.Sleep(46 * time.Second)
		s.Drain()
		<-done
		if got := w.Body.String(); got != "retry: 2000\n\n"+strings.Repeat(":\n\n", 3) {
			t.Errorf("got %q", got)
		}
	})
}

// connListener hands out one connection.
type connListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *connListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *connListener) Close() error   { close(l.closed); return nil }
func (l *connListener) Addr() net.Addr { return &net.TCPAddr{} }

// A client that does not read is cut off. Time is virtual.
func TestStalledClientIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		token := s.user(t, "juliet")
		client, server := net.Pipe()
		l := &connListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
		l.conns <- server
		srv := &http.Server{Handler: s}
		go srv.Serve(l)
		defer srv.Close()
		start := time.Now()
		fmt.Fprintf(client, "GET /v1/users/juliet/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		var one [1]byte
		if _, err := client.Read(one[:]); err != nil {
			t.Fatalf("cut off after %v: %v", time.Since(start), err)
		}
		time.Sleep(20 * time.Second) // it stops reading again
		if _, err := io.ReadAll(client); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("held until %v", took)
		}
	})
}

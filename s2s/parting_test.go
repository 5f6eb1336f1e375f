package s2s_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// Whoever is told why a stream ends gets the time to close it: until its own
// closing tag, and no longer than Limits.Close (RFC 6120 section 4.4). What it
// sends meanwhile counts for nothing, and behind what is not XML no closing tag
// can be told from anything else.
func TestPeersAreGivenTimeToClose(t *testing.T) {
	const wait = 4 * time.Second
	message := `<message from="romeo@montague.example" to="juliet@capulet.example"><body>late</body></message>`
	offences := map[string]func(*s2stest.RawStream){
		"while it negotiates": func(r *s2stest.RawStream) {
			r.Open("")
			r.Expect("</stream:features>")
			r.StartTLS()
			r.Open("")
			r.Expect("</stream:features>")
			r.Put(message)
		},
		"which is not XML": func(r *s2stest.RawStream) {
			r.Authenticate()
			r.Put("<message")
			r.Put("</presence>")
		},
		"against the rules": func(r *s2stest.RawStream) {
			r.Authenticate()
			r.Put(strings.Replace(message, "montague", "verona", 1))
		},
	}
	for name, offend := range offences {
		for _, c := range []struct {
			name string
			then string // what the peer does when it has read the error
			took time.Duration
		}{
			{"closes the stream", "</stream:stream>", 0},
			{"goes on and closes it", message + "</stream:stream>", 0},
			{"goes on", message, wait},
			{"says nothing", "", wait},
		} {
			t.Run(name+", and the peer "+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					mux, got := inbox()
					fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{Close: wait}}, there)
					raw := romeo.Raw(here)
					offend(raw)
					begin := time.Now()
					raw.Expect("<stream:error>")
					raw.Expect("</stream:stream>")
					if len(fed.Streams()) != 0 {
						synctest.Wait()
					}
					if list := fed.Streams(); len(list) != 0 {
						t.Errorf("still a stream: %+v", list)
					}
					if c.then != "" {
						raw.Put(c.then)
					}
					raw.Rest()
					want := c.took
					if name == "which is not XML" {
						want = wait
					}
					if took := time.Since(begin); took != want {
						t.Errorf("the connection lived %v, want %v", took, want)
					}
					if len(got) > 0 {
						t.Errorf("the handler got %s", <-got)
					}
				})
			})
		}
	}
}

// A server that shuts down does not wait for those.
func TestShutdownDoesNotWaitForPartingPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Close: time.Hour}}, there)
		raw := romeo.Raw(here)
		raw.Open("")
		raw.Expect("</stream:features>")
		raw.Put("<message/>")
		raw.Expect("</stream:stream>")
		begin := time.Now()
		if err := fed.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

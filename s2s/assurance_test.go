package s2s_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

func TestMethodsAreOrderedAndNamed(t *testing.T) {
	names := []string{"none", "dialback", "POSH", "PKIX", "DANE"}
	methods := []s2s.Method{0, s2s.MethodDialback, s2s.MethodPOSH, s2s.MethodPKIX, s2s.MethodDANE}
	for i, m := range methods {
		if i > 0 && m <= methods[i-1] {
			t.Errorf("%s is not stronger than %s", m, methods[i-1])
		}
		text, err := json.Marshal(m)
		if err != nil || string(text) != `"`+names[i]+`"` || m.String() != names[i] {
			t.Errorf("%d: %s, %s, %v", i, m, text, err)
		}
		var back s2s.Method
		if err := json.Unmarshal(text, &back); err != nil || back != m {
			t.Errorf("%s came back as %s, %v", m, back, err)
		}
	}
	if _, err := json.Marshal(s2s.Method(200)); err == nil {
		t.Error("a method that there is not was encoded")
	}
	var m s2s.Method
	if err := json.Unmarshal([]byte(`"X.400"`), &m); err == nil {
		t.Error("a method that there is not was decoded")
	}
}

// A handler knows how sure it is who wrote a stanza, in whatever context it
// derives from its own, and so does whoever looks at the streams.
func TestAssuranceOfAStanza(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type seen struct {
			a  s2s.Assurance
			ok bool
		}
		got := make(chan seen, 1)
		mux := stanza.NewMux()
		mux.HandleMessage("", stanza.MessageFunc(func(ctx context.Context, m *stanza.Stanza) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			a, ok := s2s.AssuranceOf(ctx)
			got <- seen{a, ok}
			return nil
		}))
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
		begin := time.Now().UTC()
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>1</body></message>`)
		s := <-got
		if !s.ok || s.a.Method != s2s.MethodPKIX || s.a.TLSVersion != 0x304 || s.a.CipherSuite == 0 || len(s.a.Fingerprint) != 64 ||
			s.a.Issuer == "" || !s.a.Since.Equal(begin) {
			t.Errorf("%t, %+v", s.ok, s.a)
		}
		if in := fed.Streams()[0]; in.Outgoing || in.Assurance != s.a {
			t.Errorf("the stream has %+v, the stanza %+v", in.Assurance, s.a)
		}
		text2, err := json.Marshal(s.a)
		var back s2s.Assurance
		if err != nil || json.Unmarshal(text2, &back) != nil || back != s.a {
			t.Errorf("%s, %v came back as %+v", text2, err, back)
		}
		// What a local sender wrote came by no stream.
		if err := fed.Send(t.Context(), text("nurse@capulet.example", "juliet@capulet.example", "2")); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s.ok {
			t.Errorf("a local message has %+v", s.a)
		}
	})
}

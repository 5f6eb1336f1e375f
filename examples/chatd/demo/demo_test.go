package demo

import (
	"context"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// The whole of chatd, twice: names, certificates, federation, HTTP, SQLite.
func TestScriptedExchange(t *testing.T) {
	var out strings.Builder
	err := Run(t.Context(), Options{Once: true, Out: &out, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"alice@alpha.test -> bob@beta.test: Hello Bob!",
		"bob@beta.test -> alice@alpha.test: Hello Alice!",
		"alice@alpha.test -> nobody@beta.test: not delivered, service-unavailable",
		"alice@alpha.test sees bob@beta.test/chatd: away at the ball",
		"bob@beta.test sees alice@alpha.test/chatd: online",
		"bob@beta.test has the message",
		"alice@alpha.test -> bob@beta.test: corrected to: Meet me at ten.",
		"bob@beta.test has the portrait of alice@alpha.test: 70 bytes of image/png",
		"bob@beta.test has blocked alice@alpha.test: service-unavailable",
		"stream at alpha.test: in  with beta.test, EXTERNAL, TLS 1.3",
		"stream at alpha.test: out with beta.test, EXTERNAL, TLS 1.3",
		"stream at beta.test: in  with alpha.test, EXTERNAL, TLS 1.3",
		"stream at beta.test: out with alpha.test, EXTERNAL, TLS 1.3",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
}

// lineWriter hands on each line that is written.
type lineWriter chan<- string

func (w lineWriter) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		w <- line
	}
	return len(b), nil
}

// Without Once the services go on until the context ends.
func TestRunsUntilInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	lines, done := make(chan string, 100), make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Out: lineWriter(lines), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	}()
	for pages := 0; pages < 2; {
		select {
		case line := <-lines:
			link, err := url.Parse(strings.TrimSpace(line))
			if err != nil || link.Scheme != "http" {
				continue
			}
			signIn, err := url.ParseQuery(link.EscapedFragment())
			if err != nil || signIn.Get("name") == "" || signIn.Get("token") == "" || !strings.Contains(signIn.Get("to"), "@") {
				t.Errorf("link %s: %v, %v", link, signIn, err)
			}
			pages++
		case err := <-done:
			t.Fatalf("ended by itself: %v", err)
		}
	}
	interrupt()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNameServer(t *testing.T) {
	ns, err := startNameServer()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.close()
	ns.add("alpha.test", 5269)
	for _, tt := range []struct {
		name    string
		qtype   uint16
		rcode   int
		answers int
	}{
		{"_xmpp-server._tcp.alpha.test.", dns.TypeSRV, dns.RcodeSuccess, 1},
		{"_XMPP-Server._tcp.Alpha.test.", dns.TypeSRV, dns.RcodeSuccess, 1},
		{"_xmpps-server._tcp.alpha.test.", dns.TypeSRV, dns.RcodeNameError, 0},
		{"_xmpp-server._tcp.beta.test.", dns.TypeSRV, dns.RcodeNameError, 0},
		{"alpha.test.", dns.TypeA, dns.RcodeSuccess, 1},
		{"alpha.test.", dns.TypeAAAA, dns.RcodeSuccess, 0},
		{"_tcp.alpha.test.", dns.TypeA, dns.RcodeSuccess, 0},
		{"beta.test.", dns.TypeA, dns.RcodeNameError, 0},
	} {
		for _, network := range []string{"udp", "tcp"} {
			q := new(dns.Msg).SetQuestion(tt.name, tt.qtype)
			m, _, err := (&dns.Client{Net: network}).ExchangeContext(t.Context(), q, ns.addr)
			if err != nil {
				t.Fatal(err)
			}
			if m.Rcode != tt.rcode || len(m.Answer) != tt.answers || (tt.answers == 0 && len(m.Ns) != 1) {
				t.Errorf("%s %s over %s: %s", tt.name, dns.TypeToString[tt.qtype], network, m)
			}
		}
	}
}

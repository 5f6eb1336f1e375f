package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

const served, own = "served.test", "own.test"

// zone answers for one domain with an SRV record to a port of loopback, and says
// of everything that it is signed.
type zone struct {
	port uint16
	cert string // of the TLSA records
}

func (z zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative, m.AuthenticatedData = true, q.AuthenticatedData
	name, qtype := strings.ToLower(q.Question[0].Name), q.Question[0].Qtype
	hdr := dns.RR_Header{Name: q.Question[0].Name, Rrtype: qtype, Class: dns.ClassINET, Ttl: 60}
	switch {
	case name == "_xmpp-server._tcp."+served+"." && qtype == dns.TypeSRV:
		m.Answer = append(m.Answer, &dns.SRV{Hdr: hdr, Port: z.port, Target: "host." + served + "."})
	case name == "host."+served+"." && qtype == dns.TypeA:
		m.Answer = append(m.Answer, &dns.A{Hdr: hdr, A: net.IPv4(127, 0, 0, 1)})
	case strings.HasSuffix(name, "._tcp.host."+served+".") && qtype == dns.TypeTLSA:
		m.Answer = append(m.Answer, &dns.TLSA{Hdr: hdr, Usage: 3, Certificate: z.cert})
	case !strings.HasSuffix(name, served+"."):
		m.Rcode = dns.RcodeNameError
	}
	if err := w.WriteMsg(m); err != nil {
		return
	}
}

// files are what a test gives to fedcheck.
type files struct{ dns, ca, cert, key string }

// start runs a server for one domain, and a name server for it, on loopback.
func start(t *testing.T) files {
	t.Helper()
	dir := t.TempDir()
	theirs, err := selfSigned(served)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := selfSigned(own)
	if err != nil {
		t.Fatal(err)
	}
	f := files{ca: filepath.Join(dir, "ca.pem"), cert: filepath.Join(dir, "own.crt"), key: filepath.Join(dir, "own.key")}
	key, err := x509.MarshalPKCS8PrivateKey(ours.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		f.ca:   {Type: "CERTIFICATE", Bytes: theirs.Certificate[0]},
		f.cert: {Type: "CERTIFICATE", Bytes: ours.Certificate[0]},
		f.key:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	leaf, err := x509.ParseCertificate(ours.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	trust := x509.NewCertPool()
	trust.AddCert(leaf)
	srv, err := s2s.New(s2s.Config{
		Services: []string{served}, TLS: &tls.Config{Certificates: []tls.Certificate{theirs}}, Handler: stanza.NewMux(),
		Verifier: s2s.PKIX{Roots: trust}, Bidi: true, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-ended })

	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.dns = pc.LocalAddr().String()
	ready, done := make(chan struct{}), make(chan struct{})
	names := &dns.Server{PacketConn: pc, Handler: zone{uint16(l.Addr().(*net.TCPAddr).Port), hex.EncodeToString(theirs.Certificate[0])}, NotifyStartedFunc: func() { close(ready) }}
	go func() { defer close(done); names.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { names.Shutdown(); <-done })
	return f
}

func TestFedcheck(t *testing.T) {
	f := start(t)
	mine := []string{"-dns", f.dns, "-ca", f.ca, "-cert", f.cert, "-key", f.key, "-from", own}
	for _, tt := range []struct {
		name     string
		args     []string
		terminal bool
		status   int
		want     []string // in this order
	}{
		{"reachable", append(mine[:len(mine):len(mine)], served), false, 0, []string{
			served + ": policy: ok", ": dns: ok: ok; host.served.test:", ": tcp: ok", ": stream: ok", ": tls: ok: ok; host.served.test:", "; TLS 1.3",
			": identity: warning: certificate-expires-1-day", ": features: ok", ": auth: ok", ": limits: ok", ": acks: ok", ": bidi: ok", ": ping: ok",
			served + ": reachable ["}},
		{"live", append(mine[:len(mine):len(mine)], served), true, 0, []string{
			bold + served, erase, green + "ok  " + reset + " dns", "host.served.test:", yellow + "warn" + reset + " identity", green + "ok  " + reset + " ping", green + "reachable"}},
		{"no certificate of one's own", []string{"-dns", f.dns, "-ca", f.ca, served}, false, 0, []string{
			"will be refused", ": auth: failed: our-certificate-refused", "reachable as far as can be told"}},
		{"untrusted", []string{"-dns", f.dns, served}, false, 1, []string{
			": identity: failed: certificate-unknown-authority", "not reachable: certificate-unknown-authority"}},
		{"untrusted, and DNS knows it", []string{"-dns", f.dns, "-dnssec", served}, false, 0, []string{
			": identity: warning: certificate-expires-1-day;", "proved by DANE", "reachable as far as can be told"}},
		{"no such domain", append(mine[:len(mine):len(mine)], "nowhere.test"), true, 1, []string{
			red + "FAIL" + reset + " address", "no-such-domain", "Check the spelling", red + "not reachable: no-such-domain"}},
		{"one of two", append(mine[:len(mine):len(mine)], "nowhere.test", served), false, 1, []string{
			"nowhere.test: not reachable", served + ": reachable"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			if status := run(t.Context(), tt.args, &out, &out, tt.terminal); status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			rest := out.String()
			for _, want := range tt.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("%q is not in the rest %q", want, rest)
				}
				rest = after
			}
			if strings.Contains(out.String(), "\x1b") != tt.terminal {
				t.Errorf("escape sequences: %q", &out)
			}
		})
	}
}

// The exit status and the JSON say the same, with and without a certificate.
func TestStatusIsReachable(t *testing.T) {
	f := start(t)
	mine := []string{"-cert", f.cert, "-key", f.key, "-from", own}
	for _, tt := range []struct {
		name string
		args []string
		want bool
	}{
		{"reachable", append(mine[:len(mine):len(mine)], "-ca", f.ca), true},
		{"untrusted", mine, false},
		{"without a certificate", []string{"-ca", f.ca}, true},
		{"untrusted, without a certificate", nil, false},
	} {
		var out, errs strings.Builder
		status := run(t.Context(), append(append([]string{"-json", "-dns", f.dns}, tt.args...), served), &out, &errs, false)
		var r s2s.Report
		if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
			t.Fatal(err)
		}
		if r.Reachable != tt.want || (status == 0) != tt.want {
			t.Errorf("%s: reachable %t, status %d, want %t", tt.name, r.Reachable, status, tt.want)
		}
	}
}

func TestJSON(t *testing.T) {
	f := start(t)
	var out, errs strings.Builder
	args := []string{"-json", "-dns", f.dns, "-ca", f.ca, "-cert", f.cert, "-key", f.key, "-from", own, served, "nowhere.test"}
	if status := run(t.Context(), args, &out, &errs, true); status != 1 || errs.Len() > 0 {
		t.Errorf("status %d, %s", status, &errs)
	}
	var codes []s2s.Code
	for d := json.NewDecoder(strings.NewReader(out.String())); d.More(); {
		var r s2s.Report
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		codes = append(codes, r.Code)
		if last := r.Findings[len(r.Findings)-1]; last.Step == s2s.StepPing && last.Code != s2s.CodeOK {
			t.Errorf("ping: %+v", last)
		}
	}
	if len(codes) != 2 || codes[0] != s2s.CodeOK || codes[1] != s2s.CodeNoSuchDomain || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("codes %q of %s", codes, &out)
	}
}

func TestUsage(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{
		{"", "which domain?"},
		{"-nonsense", "not defined"},
		{"-h", "usage: fedcheck"},
		{"-cert a served.test", "belong together"},
		{"-cert a -key b served.test", "belong together"},
		{"-from own.test served.test", "belong together"},
		{"-timeout 0s served.test", "has to be positive"},
		{"user@served.test", "not a domain"},
		{"@", "jid:"},
		{"-ca missing served.test", "missing"},
		{"-ca " + empty + " served.test", "has no certificate"},
		{"-cert missing -key missing -from own.test served.test", "missing"},
	} {
		var out, errs strings.Builder
		want := 2
		if tt.args == "-h" {
			want = 0 // it was asked for
		}
		if status := run(t.Context(), strings.Fields(tt.args), &out, &errs, false); status != want {
			t.Errorf("%q: status %d, want %d", tt.args, status, want)
		}
		if !strings.Contains(errs.String(), tt.want) || out.Len() > 0 {
			t.Errorf("%q: %q lacks %q, or is on stdout: %q", tt.args, &errs, tt.want, &out)
		}
	}
}

func TestNameServers(t *testing.T) {
	f, err := parseFlags([]string{"-dns", "192.0.2.1, 192.0.2.2:5353,2001:db8::1,[2001:db8::2]:54", "served.test"}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.dns, " "); got != "192.0.2.1:53 192.0.2.2:5353 [2001:db8::1]:53 [2001:db8::2]:54" {
		t.Errorf("got %s", got)
	}
}

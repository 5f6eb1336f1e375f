package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"isthmus.im/stanza/disco"
)

func TestBadFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"", "-domain is missing"},
		{"-domain chat.example", "-certs is needed"},
		{"-domain chat.example -cert a -key b -certs c", "-certs is needed"},
		{"-domain chat.example -cert a", "belong together"},
		{"-domain chat.example -cert a -key b -log loud", "-log is"},
		{"-domain chat.example -cert a -key b extra", "unknown argument"},
		{"-once", "-once needs -demo"},
		{"-nonsense", "not defined"},
		{"-contact abuse", "not a URI"},
		{"-contact abuse=nobody", "not a URI"},
		{"-contact love=mailto:romeo@montague.example", "no such kind"},
	} {
		var stderr strings.Builder
		if status := run(t.Context(), strings.Fields(tt.args), io.Discard, &stderr); status != 2 {
			t.Errorf("%q: status %d, want 2", tt.args, status)
		}
		if !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%q: %q lacks %q", tt.args, &stderr, tt.want)
		}
	}
}

func TestContactFlag(t *testing.T) {
	f, err := parseFlags(strings.Fields("-demo -contact abuse=mailto:a@chat.example -contact abuse=xmpp:a@chat.example?message;subject=a,b -contact admin=mailto:b@chat.example"), io.Discard)
	want := disco.Contacts{
		"abuse-addresses": {"mailto:a@chat.example", "xmpp:a@chat.example?message;subject=a,b"},
		"admin-addresses": {"mailto:b@chat.example"},
	}
	if err != nil || !maps.EqualFunc(f.contacts, want, slices.Equal) {
		t.Errorf("%v, %v; want %v", f, err, want)
	}
}

func TestBadSurroundings(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir, "chat.example")
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := []string{"-domain", "chat.example", "-certs", dir, "-db", "memory", "-listen", "127.0.0.1:0", "-http", "127.0.0.1:0"}
	for _, tt := range []struct {
		what string
		args []string
	}{
		{"no certificate for a domain", []string{"-domain", "chat.example,other.example"}},
		{"missing certificate", []string{"-certs", "", "-cert", "missing", "-key", "missing"}},
		{"not a domain", []string{"-domain", "a b"}},
		{"no authorities in the file", []string{"-ca", empty}},
		{"no such authorities", []string{"-ca", "missing"}},
		{"database in no directory", []string{"-db", filepath.Join(dir, "missing", "chat.db")}},
		{"bad address", []string{"-http", "127.0.0.1:no"}},
	} {
		var stderr strings.Builder
		if status := run(t.Context(), append(good[:len(good):len(good)], tt.args...), io.Discard, &stderr); status != 1 {
			t.Errorf("%s: status %d, want 1: %s", tt.what, status, &stderr)
		}
	}
}

// One service from its first line to its last.
func TestServes(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir, "chat.example")
	writeCertificate(t, dir, "other.example")
	ctx, interrupt := context.WithCancel(t.Context())
	in, out := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"-domain", "chat.example, other.example", "-certs", dir,
			"-ca", filepath.Join(dir, "chat.example.crt"), "-dns", "127.0.0.1:1", "-db", filepath.Join(dir, "chat.db"),
			"-listen", "127.0.0.1:0", "-listen-tls", "127.0.0.1:0", "-http", "127.0.0.1:0", "-log", "debug"}, out, t.Output())
		out.Close()
	}()
	var token, base string
	var said []string
	lines := bufio.NewScanner(in)
	for base == "" && lines.Scan() {
		said = append(said, lines.Text())
		if s, ok := strings.CutPrefix(lines.Text(), "administrator's token: "); ok {
			token = s
		}
		if s, ok := strings.CutPrefix(lines.Text(), "listening http "); ok {
			base = "http://" + s
		}
	}
	all := strings.Join(said, "\n")
	if !strings.Contains(all, "listening s2s 127.0.0.1:") || !strings.Contains(all, "listening s2s-tls 127.0.0.1:") ||
		!strings.Contains(all, " for chat.example, other.example") || token == "" || base == "" {
		t.Fatalf("it said\n%s", all)
	}
	for path, want := range map[string]int{"/": 200, "/healthz": 200, "/v1/federation/streams": 200, "/v1/users/x/events": 401} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want == 200 {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, res.StatusCode, want)
		}
	}
	interrupt()
	if got := <-status; got != 0 {
		t.Errorf("exit status %d", got)
	}
}

// writeCertificate makes a certificate that signs for itself.
func writeCertificate(t *testing.T, dir, domain string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{domain},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: cert}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, domain+name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClosedNetwork(t *testing.T) {
	for _, c := range []struct {
		listen, listenTLS string
		want              bool
	}{
		{"127.0.0.40:5269", "", true},
		{"127.0.0.40:5269", "10.1.2.3:5270", true},
		{"", "[::1]:5270", true},
		{"127.0.0.40:5269", ":5270", false},
		{":5269", "", false},
		{"192.0.2.1:5269", "", false},
		{"chat.example:5269", "", false},
		{"", "", false},
	} {
		if got := closed(c.listen, c.listenTLS); got != c.want {
			t.Errorf("%q and %q: closed is %t", c.listen, c.listenTLS, got)
		}
	}
}

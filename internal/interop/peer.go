package interop

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// Peer is a real server.
type Peer struct {
	Name   string   `json:"-"` // "prosody", "ejabberd" or "jabberd2"
	PID    int      `json:"pid"`
	Domain string   `json:"domain"`
	Users  []string `json:"users"`
	C2S    string   `json:"c2s"`
	Log    string   `json:"log"`

	kit *Kit
}

// Stop ends the server's process. Its data stays, for Start. The cleanup of the
// test starts it again if nothing else has.
func (p *Peer) Stop(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		if syscall.Kill(p.PID, 0) != nil {
			p.script(t, "start", nil)
		}
	})
	p.script(t, "stop", nil)
}

// Start starts a stopped server and waits until it accepts connections.
func (p *Peer) Start(t testing.TB) {
	t.Helper()
	p.script(t, "start", nil)
}

// ShowCertificate restarts the server with another certificate for its domain:
// "expired", "untrusted" or "wrong-name". The cleanup of the test puts it right.
func (p *Peer) ShowCertificate(t testing.TB, variant string) {
	t.Helper()
	t.Cleanup(func() { p.script(t, "restart", nil) })
	p.script(t, "restart", []string{"PEER_CERT=" + variant})
}

// script runs kit/peer.sh, and learns the new process id afterwards.
func (p *Peer) script(t testing.TB, action string, settings []string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.kit.root, "internal/interop/kit/peer.sh"), action, p.Name)
	cmd.Env = p.kit.environment(settings)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("interop: %s %s: %v\n%s", action, p.Name, err, out)
	}
	text, err := os.ReadFile(filepath.Join(p.kit.Dir, "interop.json"))
	if err != nil {
		t.Fatal(err)
	}
	var now struct {
		Peers map[string]struct {
			PID int `json:"pid"`
		} `json:"peers"`
	}
	if err := json.Unmarshal(text, &now); err != nil {
		t.Fatal(err)
	}
	if n, ok := now.Peers[p.Name]; ok {
		p.PID = n.PID
	}
}

// Mark is a place in a peer's log.
type Mark struct {
	peer   *Peer
	offset int64
}

// Mark returns the present end of the peer's log.
func (p *Peer) Mark(t testing.TB) Mark {
	t.Helper()
	info, err := os.Stat(p.Log)
	if errors.Is(err, os.ErrNotExist) {
		return Mark{p, 0}
	}
	if err != nil {
		t.Fatal(err)
	}
	return Mark{p, info.Size()}
}

// Wait waits until the log has a line after the mark that matches the pattern.
func (m Mark) Wait(t testing.TB, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	Until(t, 10*time.Second, m.peer.Name+" logs "+pattern, func() bool { return re.Match(m.text(t)) })
}

// Has reports whether the log has a line after the mark that matches.
func (m Mark) Has(t testing.TB, pattern string) bool {
	t.Helper()
	return regexp.MustCompile(pattern).Match(m.text(t))
}

func (m Mark) text(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open(m.peer.Log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(m.offset, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ExternalIn is the pattern of the peer's log line about a stream that the
// domain opened to it and authenticated with SASL EXTERNAL.
func (p *Peer) ExternalIn(domain string) string {
	domain = regexp.QuoteMeta(domain)
	if p.Name == "prosody" {
		return `Accepting SASL EXTERNAL identity from ` + domain
	}
	return `Accepted inbound s2s EXTERNAL authentication ` + domain + ` -> ` + regexp.QuoteMeta(p.Domain) + ` `
}

// ExternalOut is the same for a stream that the peer opened to the domain.
func (p *Peer) ExternalOut(domain string) string {
	domain = regexp.QuoteMeta(domain)
	if p.Name == "prosody" {
		return `SASL EXTERNAL with ` + domain + ` succeeded`
	}
	return `Accepted outbound s2s EXTERNAL authentication ` + regexp.QuoteMeta(p.Domain) + ` -> ` + domain + ` `
}

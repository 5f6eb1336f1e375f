package interop

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// Kit is a running kit, as its interop.json describes it.
type Kit struct {
	Dir      string `json:"dir"`
	DNS      string `json:"dns"`   // the DNS server's address
	CA       string `json:"ca"`    // file of the authority that the peers trust
	Certs    string `json:"certs"` // directory of certificates, see kit/certs.sh
	Logs     string `json:"logs"`
	Password string `json:"password"` // of every account
	Dialback string `json:"dialback"` // "only": the peers trust no certificate, and use Server Dialback
	Listen   struct {
		Wire     string `json:"wire"` // where wire.test is expected, with STARTTLS
		WireTLS  string `json:"wire_tls"`
		Other    string `json:"other"` // other.test
		OtherTLS string `json:"other_tls"`
	} `json:"listen"`
	Peers map[string]*Peer `json:"peers"`

	root string // of the project
}

// Open returns the kit that runs in $INTEROP_DIR, by default .interop in the
// project's root. Without one the test is skipped; with INTEROP=required in the
// environment it fails, with INTEROP=off it is skipped in any case.
func Open(t testing.TB) *Kit {
	t.Helper()
	mode := os.Getenv("INTEROP")
	if mode == "off" {
		t.Skip("interop: tests with real servers are off here (INTEROP=off); make interop runs them")
	}
	k, err := open()
	switch {
	case err == nil:
		return k
	case mode == "required":
		t.Fatalf("interop: no running kit: %v", err)
	default:
		t.Skipf("interop: no running kit, see make interop: %v", err)
	}
	return nil
}

func open() (*Kit, error) {
	root, err := projectRoot()
	if err != nil {
		return nil, err
	}
	dir := os.Getenv("INTEROP_DIR")
	if dir == "" {
		dir = filepath.Join(root, ".interop")
	}
	text, err := os.ReadFile(filepath.Join(dir, "interop.json"))
	if err != nil {
		return nil, err
	}
	k := &Kit{root: root}
	if err := json.Unmarshal(text, k); err != nil {
		return nil, err
	}
	if len(k.Peers) == 0 {
		return nil, errors.New("it has no peers")
	}
	for name, p := range k.Peers {
		p.Name, p.kit = name, k
		if err := syscall.Kill(p.PID, 0); err != nil {
			return nil, errors.New(name + " is described but not running")
		}
	}
	return k, nil
}

// projectRoot is the directory above this one that holds go.work.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.work above the working directory")
		}
		dir = up
	}
}

// Peer returns the peer of that name, which must be up.
func (k *Kit) Peer(t testing.TB, name string) *Peer {
	t.Helper()
	p, ok := k.Peers[name]
	if !ok {
		t.Fatalf("interop: %s is not up", name)
	}
	return p
}

// EachPeer runs f as a subtest for Prosody and for ejabberd. The end of the
// peer's log is shown if it fails.
func (k *Kit) EachPeer(t *testing.T, f func(t *testing.T, p *Peer)) {
	t.Helper()
	for _, name := range []string{"prosody", "ejabberd"} {
		t.Run(name, func(t *testing.T) {
			p := k.Peer(t, name)
			ShowIfFailed(t, name, p.Log)
			f(t, p)
		})
	}
}

// Certificate returns the files of a certificate: a domain, or "variants/NAME"
// for one of wire.test with something unusual about it.
func (k *Kit) Certificate(t testing.TB, name string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(k.Certs, name+".crt"), filepath.Join(k.Certs, name+".key")
	for _, file := range []string{cert, key} {
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("interop: %v", err)
		}
	}
	return cert, key
}

// environment is the environment for the kit's scripts: ours, with settings
// that differ from those in it.
func (k *Kit) environment(settings []string) []string {
	env := append(os.Environ(), "INTEROP_DIR="+k.Dir)
	return slices.Concat(env, settings)
}

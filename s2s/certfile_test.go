package s2s_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// certPEM and keyPEM are what ACME clients write.
func certPEM(c tls.Certificate) []byte {
	var b []byte
	for _, der := range c.Certificate {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return b
}

func keyPEM(t testing.TB, c tls.Certificate) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// certDir is a directory of certificates whose files are each newer than the last.
type certDir struct {
	t     testing.TB
	path  string
	clock time.Time
}

func newCertDir(t testing.TB) *certDir {
	return &certDir{t: t, path: t.TempDir(), clock: time.Unix(1e9, 0)}
}

func (d *certDir) write(name string, text []byte) {
	d.t.Helper()
	path := filepath.Join(d.path, filepath.FromSlash(name))
	d.clock = d.clock.Add(time.Millisecond)
	for _, err := range []error{
		os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600), os.Chtimes(path, d.clock, d.clock),
	} {
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *certDir) put(domain string, c tls.Certificate) {
	d.t.Helper()
	d.write(domain+"/cert.pem", certPEM(c))
	d.write(domain+"/key.pem", keyPEM(d.t, c))
}

func (d *certDir) files(log *slog.Logger) *s2s.CertFiles {
	return &s2s.CertFiles{Cert: filepath.Join(d.path, "{domain}", "cert.pem"), Key: filepath.Join(d.path, "{domain}", "key.pem"), Logger: log}
}

// get returns the certificate for a name, or nil.
func get(t *testing.T, f *s2s.CertFiles, name string) *x509.Certificate {
	t.Helper()
	c, err := f.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		if c != nil || !strings.HasPrefix(err.Error(), "s2s: ") {
			t.Errorf("%s: %v, %v", name, c, err)
		}
		return nil
	}
	return c.Leaf
}

func leafOf(t *testing.T, c tls.Certificate) *x509.Certificate {
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestCertFiles(t *testing.T) {
	ca, dir := testca.New(), newCertDir(t)
	log := new(bytes.Buffer)
	files := dir.files(slog.New(slog.NewTextHandler(log, nil)))
	one := ca.Issue(testca.Options{DNS: []string{here}})
	dir.put(here, one)
	dir.put("xn--bcher-kva.example", ca.Issue(testca.Options{DNS: []string{"xn--bcher-kva.example"}}))
	if got := get(t, files, "CAPULET.example"); got == nil || !got.Equal(leafOf(t, one)) {
		t.Fatal("not the certificate in the files")
	}
	if get(t, files, "bücher.example") == nil || get(t, files, "xn--bcher-kva.example") == nil {
		t.Error("the files of a domain have its A-labels in their names")
	}
	dir.write("cert.pem", certPEM(one))
	dir.write("key.pem", keyPEM(t, one))
	for _, name := range []string{"", ".", "..", "../" + filepath.Base(dir.path), here + "/../" + here, `..\x`, "a/b", "u@" + here, here + "/r", "verona.example", "\x00"} {
		if get(t, files, name) != nil {
			t.Errorf("there is a certificate for %q", name)
		}
	}

	// A new certificate takes over when both files are there.
	two := ca.Issue(testca.Options{DNS: []string{here}})
	dir.write(here+"/cert.pem", certPEM(two))
	for range 3 {
		if got := get(t, files, here); got == nil || !got.Equal(leafOf(t, one)) {
			t.Fatal("a certificate without its key took over")
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "not read again") {
		t.Errorf("%d lines in the log: %s", n, log)
	}
	if err := files.Reload(); err == nil || !strings.Contains(err.Error(), here) {
		t.Errorf("Reload: %v", err)
	}
	dir.write(here+"/key.pem", keyPEM(t, two))
	if got := get(t, files, here); !got.Equal(leafOf(t, two)) {
		t.Error("the new certificate did not take over")
	}
	if err := files.Reload(); err != nil {
		t.Errorf("Reload: %v", err)
	}

	// What disappears serves on.
	if err := os.RemoveAll(filepath.Join(dir.path, here)); err != nil {
		t.Fatal(err)
	}
	if got := get(t, files, here); got == nil || !got.Equal(leafOf(t, two)) {
		t.Error("the certificate went with its files")
	}
	if get(t, dir.files(nil), here) != nil {
		t.Error("a certificate without files")
	}
}

// One pair of files may serve all domains, and one file hold both.
func TestCertFilesForAll(t *testing.T) {
	dir := newCertDir(t)
	cert := testca.New().Issue(testca.Options{DNS: []string{here, there}})
	dir.write("both.pem", append(certPEM(cert), keyPEM(t, cert)...))
	files := &s2s.CertFiles{Cert: filepath.Join(dir.path, "both.pem")}
	for _, name := range []string{here, there, ""} {
		if got := get(t, files, name); got == nil || !got.Equal(leafOf(t, cert)) {
			t.Errorf("no certificate for %q", name)
		}
	}
}

// Many ask while files change.
func TestCertFilesConcurrently(t *testing.T) {
	ca, dir := testca.New(), newCertDir(t)
	files := dir.files(slog.New(slog.DiscardHandler))
	dir.put(here, ca.Issue(testca.Options{DNS: []string{here}}))
	dir.put(there, ca.Issue(testca.Options{DNS: []string{there}}))
	get(t, files, here) // what was read once serves on while the files do not fit
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			name := []string{here, there}[i%2]
			for {
				select {
				case <-stop:
					return
				default:
				}
				if c, err := files.GetCertificate(&tls.ClientHelloInfo{ServerName: name}); err != nil || c.Leaf.VerifyHostname(name) != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	for range 20 {
		dir.put(here, ca.Issue(testca.Options{DNS: []string{here}}))
		files.Reload()
	}
	close(stop)
	wg.Wait()
}

// A certificate is renewed on disk: new handshakes show it, in both roles, and
// streams stay.
func TestCertificateIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, dir := s2stest.NewNetwork(t), newCertDir(t)
		dir.put(here, n.Certificate(here))
		files := dir.files(nil)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), TLS: &tls.Config{GetCertificate: files.GetCertificate}})
		var seen []string
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Trace: &s2s.Trace{StreamOpen: func(i s2s.StreamInfo) {
			seen = append(seen, i.Assurance.Fingerprint)
		}}})
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "1"))
		romeo.Next()
		before := shown(t, romeo, here)
		dir.put(here, n.Certificate(here))
		if shown(t, romeo, here).Equal(before) {
			t.Error("the old certificate is still shown")
		}
		if streams := fed.Streams(); len(streams) != 1 {
			t.Errorf("%d streams, want the one from before", len(streams))
		}
		time.Sleep(time.Minute)
		n.Reset(here, there)
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "2"))
		romeo.Next()
		if len(seen) != 2 || seen[0] == seen[1] {
			t.Errorf("the peer saw %q", seen)
		}
	})
}

package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Chatd says how to start the example service. The zero Chatd serves wire.test
// with its own certificate and with STARTTLS only.
type Chatd struct {
	Domains     []string // empty: wire.test
	Certificate string   // as for [Kit.Certificate]; empty: that of the first domain
	CertsDir    bool     // give it the kit's directory of certificates instead
	Listen      string   // empty: where DNS says that wire.test is
	ListenTLS   string   // empty: no direct TLS
}

// Service is a running chatd.
type Service struct {
	Domain string // the first
	PID    int

	cmd   *exec.Cmd
	http  string
	log   string
	ended chan struct{} // closed when the process has
}

// adminToken of every chatd that a test starts.
const adminToken = "administrator-of-this-test"

// StartChatd builds and starts chatd, and waits until it is ready. It is
// stopped, and must stop in good order, when the test ends.
func (k *Kit) StartChatd(t testing.TB, c Chatd) *Service {
	t.Helper()
	if len(c.Domains) == 0 {
		c.Domains = []string{"wire.test"}
	}
	if c.Certificate == "" {
		c.Certificate = c.Domains[0]
	}
	if c.Listen == "" {
		c.Listen = k.Listen.Wire
	}
	s := &Service{Domain: c.Domains[0], http: "127.0.0.40:8080", ended: make(chan struct{})}
	args := []string{
		"-domain", strings.Join(c.Domains, ","), "-listen", c.Listen, "-listen-tls", c.ListenTLS,
		"-http", s.http, "-ca", k.CA, "-dns", k.DNS, "-db", "memory", "-admin-token", adminToken, "-log", "debug",
	}
	if c.CertsDir {
		args = append(args, "-certs", k.Certs)
	} else {
		cert, key := k.Certificate(t, c.Certificate)
		args = append(args, "-cert", cert, "-key", key)
	}
	s.cmd = exec.Command(k.build(t, "chatd"), args...)
	s.log = filepath.Join(k.Logs, "chatd-"+strings.ReplaceAll(t.Name(), "/", "-")+".log")
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.PID = s.cmd.Process.Pid
	go func() {
		s.cmd.Wait()
		close(s.ended)
	}()
	ShowIfFailed(t, "chatd", s.log)
	t.Cleanup(func() { s.Stop(t) })
	Until(t, 20*time.Second, "chatd is ready", func() bool {
		select {
		case <-s.ended:
			t.Fatalf("interop: chatd ended: %v\n%s", s.cmd.ProcessState, tail(s.log))
		default:
		}
		resp, err := http.Get("http://" + s.http + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// build returns one of the example programs, built from the sources in this
// checkout, with the race detector if INTEROP_RACE is 1.
func (k *Kit) build(t testing.TB, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	args := []string{"build", "-buildvcs=false", "-o", program}
	if os.Getenv("INTEROP_RACE") == "1" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "isthmus.im/examples/"+name)...)
	cmd.Dir = k.root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("interop: building %s: %v\n%s", name, err, out)
	}
	return program
}

// Stop ends chatd with SIGTERM; it must drain and exit with status 0.
func (s *Service) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-s.ended:
		if s.cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("interop: chatd: %v", s.cmd.ProcessState)
		}
		return
	default:
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		if !s.cmd.ProcessState.Success() {
			t.Errorf("interop: chatd after SIGTERM: %v", s.cmd.ProcessState)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("interop: chatd did not end within 30 s of SIGTERM")
		s.cmd.Process.Kill()
		<-s.ended
	}
}

// call makes one request of the HTTP interface and decodes the answer.
func (s *Service) call(method, path, token string, body, answer any) (status int, err error) {
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	req, err := http.NewRequest(method, "http://"+s.http+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode/100 != 2 {
		return resp.StatusCode, fmt.Errorf("interop: %s %s: %s: %s", method, path, resp.Status, text)
	}
	switch answer := answer.(type) {
	case nil:
		return resp.StatusCode, nil
	case *[]byte: // as it is
		*answer = text
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(text, answer)
}

// Stream is a federation stream, as chatd tells it.
type Stream struct {
	Local     string `json:"local"`
	Remote    string `json:"remote"`
	Direction string `json:"direction"` // "in" or "out"
	Method    string `json:"method"`    // "EXTERNAL"
	TLS       string `json:"tls"`
}

// Streams returns the streams with a domain, those in one direction ("in",
// "out") or all ("").
func (s *Service) Streams(t testing.TB, remote, direction string) []Stream {
	t.Helper()
	var all, some []Stream
	if _, err := s.call("GET", "/v1/federation/streams", adminToken, nil, &all); err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if x.Remote == remote && (direction == "" || x.Direction == direction) {
			some = append(some, x)
		}
	}
	return some
}

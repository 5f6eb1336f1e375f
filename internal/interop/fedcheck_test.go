package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"isthmus.im/s2s"
)

// fedcheck runs examples/fedcheck in the name of wire.test.
type fedcheck struct {
	program string
	mine    []string
}

func (k *Kit) fedcheck(t *testing.T) fedcheck {
	t.Helper()
	cert, key := k.Certificate(t, "wire.test")
	return fedcheck{k.build(t, "fedcheck"), []string{"-dns", k.DNS, "-ca", k.CA, "-cert", cert, "-key", key, "-from", "wire.test"}}
}

func (f fedcheck) command(args ...string) *exec.Cmd {
	return exec.Command(f.program, slices.Concat(f.mine, args)...)
}

// run runs a command to its end.
func run(t *testing.T, cmd *exec.Cmd) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// reports parses what -json prints: a line for each domain.
func reports(t *testing.T, stdout string) []s2s.Report {
	t.Helper()
	var list []s2s.Report
	for line := range strings.Lines(stdout) {
		var r s2s.Report
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		list = append(list, r)
	}
	return list
}

// steps are all that there are on the way to a server that can be reached by
// direct TLS.
var steps = []s2s.Step{
	s2s.StepPolicy, s2s.StepDNS, s2s.StepAddress, s2s.StepTCP, s2s.StepTLS, s2s.StepIdentity, s2s.StepStream,
	s2s.StepFeatures, s2s.StepAuth, s2s.StepLimits, s2s.StepAcks, s2s.StepBidi, s2s.StepPing,
}

// Real servers are found to be reachable, with every step named, and what was
// found of them is true.
func TestFedcheckReachable(t *testing.T) {
	kit := Open(t)
	f := kit.fedcheck(t)
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		mark := p.Mark(t)
		status, out, errs := run(t, f.command(p.Domain))
		if status != 0 || errs != "" {
			t.Errorf("status %d, %s\n%s", status, errs, out)
		}
		var want []string
		for _, step := range steps {
			want = append(want, fmt.Sprintf("%s: %s: ", p.Domain, step))
		}
		if missing := inOrder(out, append(want, p.Domain+": reachable")); missing != "" || strings.Contains(out, "\x1b") {
			t.Errorf("%q is not in\n%s", missing, out)
		}
		mark.Wait(t, p.ExternalIn("wire.test"))

		status, out, errs = run(t, f.command("-json", p.Domain))
		list := reports(t, out)
		if status != 0 || errs != "" || len(list) != 1 {
			t.Fatalf("status %d, %s\n%s", status, errs, out)
		}
		r := list[0]
		if !r.Reachable || r.Local.String() != "wire.test" || r.Remote.String() != p.Domain || r.Took <= 0 {
			t.Errorf("report %+v", r)
		}
		codes := make(map[s2s.Step]s2s.Code)
		for _, finding := range r.Findings {
			codes[finding.Step] = finding.Code
			if finding.Status == s2s.StatusFailed {
				t.Errorf("failed: %+v", finding)
			}
		}
		// Prosody 0.12 acknowledges and sends both ways, ejabberd 23.01 does
		// neither; and fedcheck can be answered on its own stream only.
		special := map[s2s.Step]s2s.Code{s2s.StepLimits: s2s.CodeNotOffered}
		if p.Name == "ejabberd" {
			special[s2s.StepAcks], special[s2s.StepBidi], special[s2s.StepPing] = s2s.CodeNotOffered, s2s.CodeNotOffered, s2s.CodePingSkipped
		}
		for _, step := range steps {
			want, ok := special[step]
			if !ok {
				want = s2s.CodeOK
			}
			if got := codes[step]; got != want {
				t.Errorf("%s: %s, want %s", step, got, want)
			}
		}
	})
}

// Without a certificate of one's own everything up to the authentication shows.
func TestFedcheckWithoutCertificate(t *testing.T) {
	kit := Open(t)
	f := kit.fedcheck(t)
	f.mine = []string{"-dns", kit.DNS, "-ca", kit.CA}
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		status, out, errs := run(t, f.command(p.Domain))
		if missing := inOrder(out, []string{": identity: ", ": auth: failed: ", "reachable as far as can be told"}); status != 0 || missing != "" {
			t.Errorf("status %d, %q is not in\n%s", status, missing, out)
		}
		if !strings.Contains(errs, "will be refused") {
			t.Errorf("warned: %q", errs)
		}
	})
}

// What cannot be reached has status 1 and the step that failed.
func TestFedcheckUnreachable(t *testing.T) {
	kit := Open(t)
	f := kit.fedcheck(t)
	all := map[string]s2s.Code{
		"refused.test":  s2s.CodeConnectionRefused,
		"dangling.test": s2s.CodeTargetNoAddress,
		"noxmpp.test":   s2s.CodeNoService,
		"no-such.test":  s2s.CodeNoSuchDomain,
	}
	var domains []string
	for domain, code := range all {
		domains = append(domains, domain)
		status, out, _ := run(t, f.command(domain))
		if missing := inOrder(out, []string{": failed: " + string(code), domain + ": not reachable: " + string(code)}); status != 1 || missing != "" {
			t.Errorf("%s: status %d, %q is not in\n%s", domain, status, missing, out)
		}
	}
	domains = append(domains, kit.Peer(t, "prosody").Domain)
	status, out, _ := run(t, f.command(append([]string{"-json"}, domains...)...))
	list := reports(t, out)
	if status != 1 || len(list) != len(domains) {
		t.Fatalf("status %d and %d reports of %d domains", status, len(list), len(domains))
	}
	for i, r := range list {
		last := r.Findings[len(r.Findings)-1]
		switch want := all[domains[i]]; {
		case r.Remote.String() != domains[i], r.Reachable != (want == ""):
			t.Errorf("report of %s: %+v", domains[i], r)
		case want != "" && (r.Code != want || last.Status != s2s.StatusFailed || last.Remedy == ""):
			t.Errorf("report of %s: %s, at last %+v, want %s", domains[i], r.Code, last, want)
		}
	}
}

// A server that shows a bad certificate has status 1, and it is said what is
// wrong with the certificate.
func TestFedcheckBadCertificate(t *testing.T) {
	kit := Open(t)
	f := kit.fedcheck(t)
	p := kit.Peer(t, "prosody")
	for variant, want := range map[string]s2s.Code{
		"wrong-name": s2s.CodeCertificateName,
		"expired":    s2s.CodeCertificateExpired,
		"untrusted":  s2s.CodeCertificateAuthority,
	} {
		t.Run(variant, func(t *testing.T) {
			p.ShowCertificate(t, variant)
			status, out, _ := run(t, f.command("-json", p.Domain))
			list := reports(t, out)
			if status != 1 || len(list) != 1 || list[0].Code != want || list[0].Reachable {
				t.Errorf("status %d, want %s in\n%s", status, want, out)
			}
			status, out, _ = run(t, f.command(p.Domain))
			if missing := inOrder(out, []string{": tcp: ok", ": identity: failed: " + string(want), "not reachable: " + string(want)}); status != 1 || missing != "" {
				t.Errorf("status %d, %q is not in\n%s", status, missing, out)
			}
		})
	}
}

func TestFedcheckUsage(t *testing.T) {
	kit := Open(t)
	f := kit.fedcheck(t)
	mine := f.mine
	for _, args := range [][]string{
		mine, // no domain
		append(slices.Clone(mine), "juliet@prosody.test"),
		{"-nonsense", "prosody.test"},
		{"-cert", mine[5], "prosody.test"},
		{"-ca", filepath.Join(t.TempDir(), "none"), "prosody.test"},
	} {
		f.mine = args
		if status, out, errs := run(t, f.command()); status != 2 || out != "" || errs == "" {
			t.Errorf("%q: status %d, %q, %q", args, status, out, errs)
		}
	}
}

// silent listens where other.test is, and says nothing until it is released.
func silent(t *testing.T, kit *Kit) (release func()) {
	t.Helper()
	l, err := net.Listen("tcp", kit.Listen.Other)
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 16)
	go func() {
		defer close(conns)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	release = func() {
		l.Close()
		for c := range conns {
			c.Close()
		}
	}
	t.Cleanup(release)
	return release
}

// On a terminal each step shows as soon as it is done, and below it that
// something is still under way; elsewhere there are plain lines.
func TestFedcheckIsLive(t *testing.T) {
	kit := Open(t)
	f := kit.fedcheck(t)
	done := []string{" policy ", " dns ", " address ", " tcp "}

	t.Run("terminal", func(t *testing.T) {
		release := silent(t, kit)
		term := StartOnTerminal(t, f.command("other.test"))
		term.Wait(t, append([]string{"\x1b[1mother.test"}, append(slices.Clone(done), "  ...\x1b[0m")...)...)
		if text := term.Text(); strings.Contains(text, "reachable") || !strings.HasSuffix(text, "  ...\x1b[0m") {
			t.Errorf("while the server is silent:\n%q", text)
		}
		release()
		term.Wait(t, "\r\x1b[K", " tcp ", "\r\x1b[K", "FAIL", "\x1b[31mnot reachable")
		if status := term.End(t); status != 1 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("reachable", func(t *testing.T) {
		p := kit.Peer(t, "prosody")
		term := StartOnTerminal(t, f.command(p.Domain))
		if status := term.End(t); status != 0 {
			t.Errorf("status %d", status)
		}
		want := []string{"\x1b[1m" + p.Domain}
		for _, step := range steps {
			want = append(want, "\x1b[K", " "+string(step)+" ")
		}
		if missing := inOrder(term.Text(), append(want, "\x1b[K", "reachable")); missing != "" {
			t.Errorf("%q is not in\n%q", missing, term.Text())
		}
	})
	t.Run("file", func(t *testing.T) {
		release := silent(t, kit)
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		cmd := f.command("other.test")
		cmd.Stdout = out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		text := func() string {
			b, err := os.ReadFile(out.Name())
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		Until(t, 20*time.Second, "plain lines for the steps so far", func() bool {
			return inOrder(text(), []string{": policy: ok", ": dns: ok", ": address: ok", ": tcp: ok"}) == ""
		})
		release()
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
			t.Error(err)
		}
		for line := range strings.Lines(text()) {
			if !strings.HasPrefix(line, "other.test: ") || strings.ContainsAny(line, "\x1b\r") {
				t.Errorf("line %q", line)
			}
		}
	})
	t.Run("dumb terminal", func(t *testing.T) {
		cmd := f.command("no-such.test")
		term := StartOnTerminal(t, exec.Command("env", append([]string{"TERM=dumb"}, cmd.Args...)...))
		if status := term.End(t); status != 1 || strings.Contains(term.Text(), "\x1b") {
			t.Errorf("status %d, %q", status, term.Text())
		}
	})
}

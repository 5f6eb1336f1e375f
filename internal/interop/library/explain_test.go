package library

import (
	"encoding/json"
	"fmt"
	"net"
	"reflect"
	"slices"
	"testing"

	"isthmus.im/internal/interop"
	"isthmus.im/s2s"
)

// A server that listens explains the way to a real one up to the answered ping,
// also beside the streams that are open already.
func TestExplain(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		for range 2 {
			var watched []s2s.Finding
			r := s.Explain(t.Context(), address(t, domain), address(t, p.Domain), func(f s2s.Finding) { watched = append(watched, f) })
			if !r.Reachable || r.Code != s2s.CodeOK || !slices.Equal(watched, r.Findings) {
				t.Errorf("report %+v", r)
			}
			var got []s2s.Step
			for _, f := range r.Findings {
				got = append(got, f.Step)
				if f.Status == s2s.StatusFailed || f.Status == s2s.StatusOK && f.Remedy != "" {
					t.Errorf("finding %+v", f)
				}
			}
			want := []s2s.Step{
				s2s.StepPolicy, s2s.StepDNS, s2s.StepAddress, s2s.StepTCP, s2s.StepTLS, s2s.StepIdentity, s2s.StepStream,
				s2s.StepFeatures, s2s.StepAuth, s2s.StepLimits, s2s.StepAcks, s2s.StepPing,
			}
			if !slices.Equal(got, want) {
				t.Errorf("steps %v, want %v", got, want)
			}
			var copied s2s.Report
			if text, err := json.Marshal(r); err != nil {
				t.Error(err)
			} else if err := json.Unmarshal(text, &copied); err != nil || !reflect.DeepEqual(copied.Findings, r.Findings) {
				t.Errorf("as JSON: %s, %v", text, err)
			}
			if err := s.ping(t, domain, p.Domain); err != nil { // for the second time
				t.Error(err)
			}
		}
	})
}

// What is wrong on the way is found where it is.
func TestExplainWhatIsWrong(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	p := kit.Peer(t, "prosody")
	for name, want := range map[string]struct {
		step s2s.Step
		code s2s.Code
	}{
		"refused.test":  {s2s.StepTCP, s2s.CodeConnectionRefused},
		"dangling.test": {s2s.StepAddress, s2s.CodeTargetNoAddress},
		"noxmpp.test":   {s2s.StepDNS, s2s.CodeNoService},
		"no-such.test":  {s2s.StepAddress, s2s.CodeNoSuchDomain},
	} {
		r := s.Explain(t.Context(), address(t, domain), address(t, name), nil)
		if last := r.Findings[len(r.Findings)-1]; r.Reachable || r.Code != want.code || last.Step != want.step || last.Remedy == "" {
			t.Errorf("%s: %s, at last %+v, want %+v", name, r.Code, last, want)
		}
	}
	p.ShowCertificate(t, "wrong-name")
	r := s.Explain(t.Context(), address(t, domain), address(t, p.Domain), nil)
	if last := r.Findings[len(r.Findings)-1]; r.Reachable || r.Code != s2s.CodeCertificateName || last.Step != s2s.StepIdentity || last.Remedy == "" {
		t.Errorf("a wrong certificate: %s, at last %+v", r.Code, last)
	}
}

// What others see of other.test: that nothing listens for direct TLS, which DNS
// promises, and later that something does; and that its address is private.
func TestCheckDomain(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	check := func(reachable bool, code s2s.Code, want ...string) {
		t.Helper()
		var got []string
		r := s.CheckDomain(t.Context(), address(t, domain), func(f s2s.Finding) {
			got = append(got, fmt.Sprintf("%s %s", f.Step, f.Code))
		})
		if r.Reachable != reachable || r.Code != code {
			t.Errorf("reachable %t, %s; want %t, %s", r.Reachable, r.Code, reachable, code)
		}
		if !slices.Equal(got, want) {
			t.Errorf("found %q\nwant  %q", got, want)
		}
	}
	check(false, s2s.CodeConnectionRefused,
		"certificate ok", "dns ok",
		"address ok", "tcp connection-refused",
		"address ok", "tcp ok", "address private-address", "stream ok", "tls ok", "identity ok")
	l, err := net.Listen("tcp", kit.Listen.OtherTLS)
	if err != nil {
		t.Fatal(err)
	}
	go s.ServeTLS(l)
	check(true, s2s.CodeOK,
		"certificate ok", "dns ok",
		"address ok", "tcp ok", "address private-address", "tls ok", "identity ok",
		"address ok", "tcp ok", "address private-address", "stream ok", "tls ok", "identity ok")
}

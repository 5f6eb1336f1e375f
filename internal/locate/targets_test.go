package locate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"
)

// sets answers the questions for the two sets of a.example, each given as
// SRV data separated by commas, or as what is wrong with it.
func sets(direct, plain string) zone {
	return func(_ string, q *dns.Msg) []*dns.Msg {
		name, text := q.Question[0].Name, plain
		if strings.HasPrefix(name, "_xmpps-") {
			text = direct
		}
		switch text {
		case "NXDOMAIN":
			return []*dns.Msg{failing(q, dns.RcodeNameError, soa)}
		case "NODATA":
			return []*dns.Msg{reply(q, soa)}
		case "SERVFAIL":
			return []*dns.Msg{failing(q, dns.RcodeServerFailure)}
		case "silence":
			return nil
		}
		var records []string
		for data := range strings.SplitSeq(text, ", ") {
			records = append(records, name+" 60 IN SRV "+data)
		}
		return []*dns.Msg{reply(q, records...)}
	}
}

// list writes targets like "s:one.example:5270@10", s for direct TLS.
func list(targets []Target) string {
	var out []string
	for _, t := range targets {
		kind := "p"
		if t.Direct {
			kind = "s"
		}
		out = append(out, fmt.Sprintf("%s:%s:%d@%d", kind, t.Host, t.Port, t.Priority))
	}
	return strings.Join(out, " ")
}

func TestTargets(t *testing.T) {
	const fallback = "p:a.example:5269@0"
	tests := []struct {
		name, direct, plain string
		want                string // of Targets, or what the error is
	}{
		{"ordered", "NXDOMAIN", "20 0 5270 two., 10 0 5269 one.", "p:one:5269@10 p:two:5270@20"},
		{"STARTTLS first", "20 0 443 two.", "10 0 5269 one.", "p:one:5269@10 s:two:443@20"},
		{"direct first", "10 0 443 two.", "20 0 5269 one.", "s:two:443@10 p:one:5269@20"},
		{"interleaved", "10 0 1 a., 30 0 3 c.", "20 0 2 b., 40 0 4 d.", "s:a:1@10 p:b:2@20 s:c:3@30 p:d:4@40"},
		{"direct alone", "10 0 443 two.", "NODATA", "s:two:443@10"},
		{"both off", "0 0 0 .", "0 0 0 .", "no service"},
		{"STARTTLS off, direct absent", "NXDOMAIN", "0 0 0 .", "no service"},
		{"direct off, STARTTLS absent", "0 0 0 .", "NXDOMAIN", "no service"},
		{"direct off", "0 0 0 .", "10 0 5269 one.", "p:one:5269@10"},
		{"STARTTLS off", "10 0 443 two.", "0 0 0 .", "s:two:443@10"},
		{"root among others", "NODATA", "0 0 0 ., 10 0 5269 one.", "p:one:5269@10"},
		{"NXDOMAIN", "NXDOMAIN", "NXDOMAIN", fallback},
		{"NODATA", "NODATA", "NODATA", fallback},
		{"SERVFAIL", "SERVFAIL", "SERVFAIL", "temporary"},
		{"silence", "silence", "silence", "timeout"},
		{"direct fails", "SERVFAIL", "10 0 5269 one.", "p:one:5269@10"},
		{"STARTTLS fails", "10 0 443 two.", "SERVFAIL", "s:two:443@10"},
		{"direct fails, STARTTLS absent", "SERVFAIL", "NXDOMAIN", "temporary"},
		{"STARTTLS fails, direct absent", "NXDOMAIN", "SERVFAIL", "temporary"},
		{"direct fails, STARTTLS off", "SERVFAIL", "0 0 0 .", "temporary"},
		{"STARTTLS silent, direct off", "0 0 0 .", "silence", "timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := virtual(sets(tt.direct, tt.plain))
				got, err := Targets(t.Context(), c, "a.example", nil)
				text := list(got)
				if errors.Is(err, ErrNoService) {
					text = "no service"
				} else if err != nil {
					text = kind(t, err)
				}
				if text != tt.want {
					t.Errorf("%v, %v, want %s", list(got), err, tt.want)
				}
			})
		})
	}
}

// TestMergedWeights draws from both sets together: with the weights 0 and 60
// on one side, 10 and 30 on the other, numbers run from 0 to 100 over all.
func TestMergedWeights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := virtual(sets("5 60 443 sixty., 5 0 443 zero.", "5 10 5269 ten., 5 30 5269 thirty., 9 65535 5269 last."))
		const draws = 10000
		first := map[string]int{}
		for range draws {
			got, err := Targets(t.Context(), c, "a.example", nil)
			if err != nil || len(got) != 5 || got[4].Host != "last" {
				t.Fatalf("%v, %v", list(got), err)
			}
			first[got[0].Host]++
		}
		for host, want := range map[string]float64{"zero": 1, "ten": 10, "sixty": 60, "thirty": 30} {
			// Six standard deviations are 3 % of the draws at most.
			if share := float64(first[host]) / draws; share < want/101-0.03 || share > want/101+0.03 {
				t.Errorf("%s: %.4f of the draws, want %.4f", host, share, want/101)
			}
		}
		if first["zero"] == 0 {
			t.Error("the record of weight 0 was never first")
		}
	})
}

func TestSetsAreLookedUpTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, s := virtual(func(_ string, q *dns.Msg) []*dns.Msg {
			<-release
			return []*dns.Msg{failing(q, dns.RcodeNameError, soa)}
		})
		done := make(chan error)
		go func() {
			_, err := Targets(t.Context(), c, "a.example", nil)
			done <- err
		}()
		synctest.Wait()
		for _, service := range []string{"_xmpp-server", "_xmpps-server"} {
			if n := s[0].count("udp SRV " + service + "._tcp.a.example."); n != 1 {
				t.Errorf("%s: asked %d times", service, n)
			}
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestTargetsOfLiterals(t *testing.T) {
	c := &Client{Servers: []string{"no server"}}
	for in, want := range map[string]string{"192.0.2.1": "192.0.2.1", "[2001:DB8::1]": "2001:db8::1"} {
		got, err := Targets(t.Context(), c, in, nil)
		if err != nil || len(got) != 1 || got[0] != (Target{Host: want, Port: DefaultPort}) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

func TestTargetsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var records []string
		for i := range 2 * MaxTargets {
			records = append(records, fmt.Sprintf("%d 0 5269 h%d.example.", i, i))
		}
		c, _ := virtual(sets("NXDOMAIN", strings.Join(records, ", ")))
		got, err := Targets(t.Context(), c, "a.example", nil)
		if err != nil || len(got) != MaxTargets || got[0].Host != "h0.example" {
			t.Errorf("%d targets, %v", len(got), err)
		}
	})
}

package locate

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"
)

func TestTargets(t *testing.T) {
	const name = "_xmpp-server._tcp.a.example. 60 IN SRV "
	tests := []struct {
		name string
		zone zone
		want string // of Targets, or what the error is
	}{
		{"ordered", always(name+"20 0 5270 two.example.", name+"10 0 5269 one.example."), "[{one.example 5269 false} {two.example 5270 false}]"},
		{"no service", always(name + "0 0 0 ."), "no service"},
		{"root among others", always(name+"0 0 0 .", name+"10 0 5269 one.example."), "[{one.example 5269 false}]"},
		{"NXDOMAIN", alwaysFailing(dns.RcodeNameError, soa), "[{a.example 5269 false}]"},
		{"NODATA", always(soa), "[{a.example 5269 false}]"},
		{"SERVFAIL", alwaysFailing(dns.RcodeServerFailure), "temporary"},
		{"silence", silent, "timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := virtual(tt.zone)
				got, err := Targets(t.Context(), c, "a.example")
				text := fmt.Sprint(got)
				if errors.Is(err, ErrNoService) {
					text = "no service"
				} else if err != nil {
					text = kind(t, err)
				}
				if text != tt.want {
					t.Errorf("%v, %v, want %s", got, err, tt.want)
				}
			})
		})
	}
}

func TestTargetsOfLiterals(t *testing.T) {
	c := &Client{Servers: []string{"no server"}}
	for in, want := range map[string]string{"192.0.2.1": "192.0.2.1", "[2001:DB8::1]": "2001:db8::1"} {
		got, err := Targets(t.Context(), c, in)
		if err != nil || len(got) != 1 || got[0] != (Target{Host: want, Port: DefaultPort}) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

func TestTargetsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var records []string
		for i := range 2 * MaxTargets {
			records = append(records, fmt.Sprintf("_xmpp-server._tcp.a.example. 60 IN SRV %d 0 5269 h%d.example.", i, i))
		}
		c, _ := virtual(always(records...))
		got, err := Targets(t.Context(), c, "a.example")
		if err != nil || len(got) != MaxTargets || got[0].Host != "h0.example" {
			t.Errorf("%d targets, %v", len(got), err)
		}
	})
}

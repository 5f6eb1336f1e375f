package stream

import (
	"testing"

	"isthmus.im/jid"
	"mellium.im/sasl"
)

func TestMechanismAsksPermission(t *testing.T) {
	for _, c := range []struct {
		name             string
		remote, verified jid.JID
		response         string
		want             bool
	}{
		{"from, verified", montague, montague, "", true},
		{"same authorization identity", montague, montague, "montague.example", true},
		{"no from", jid.JID{}, montague, "montague.example", true},
		{"not verified", montague, jid.JID{}, "montague.example", false},
		{"nobody", jid.JID{}, jid.JID{}, "", false},
		{"another verified", jid.JID{}, capulet, "montague.example", false},
		{"another asked for", montague, montague, "tybalt.example", false},
		{"no domain", jid.JID{}, montague, "romeo@montague.example", false},
	} {
		m := New(Config{Role: Receiver, Local: jid.MustParse("verona.example")})
		m.remote, m.verified = c.remote, c.verified
		more, challenge, err := sasl.NewServer(mechanism(), m.permits).Step([]byte(c.response))
		if (err == nil) != c.want || more || challenge != nil {
			t.Errorf("%s: more %v, challenge %q, error %v", c.name, more, challenge, err)
		}
	}
}

func TestMechanismHasOneStep(t *testing.T) {
	server := sasl.NewServer(mechanism(), func(*sasl.Negotiator) bool { return true })
	if _, _, err := server.Step(nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := server.Step(nil); err != errTooManySteps {
		t.Errorf("a second response: %v", err)
	}
	client := sasl.NewClient(mechanism())
	if _, _, err := client.Step(nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.Step(nil); err != errTooManySteps {
		t.Errorf("a challenge: %v", err)
	}
}

func TestInitialResponseIsTheDomain(t *testing.T) {
	if got, err := initialResponse(montague); err != nil || string(got) != "montague.example" {
		t.Errorf("got %q, %v", got, err)
	}
}

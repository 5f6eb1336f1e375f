package chat

import (
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/roster"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
)

const probe = `<presence from="juliet@capulet.example" to="romeo@montague.example" type="probe"/>`

// connect puts the people behind a server, and lets Juliet come online, who sees Romeo.
func (r *rig) connect(network *s2stest.Network) {
	r.t.Helper()
	peer := network.PeerConfig(s2s.Config{Services: []string{"capulet.example"}, Trace: watch(&r.links)})
	peer.Handle(r.gate)
	r.gate.Out = peer.Server()
	_, err := r.store.Contacts().Update(r.t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
		it.Subscription = roster.To
		return it, nil
	})
	r.must(err)
	r.must(r.SetPresence(r.t.Context(), juliet, store.Presence{Available: true}))
}

// quiet waits until nothing happens any more, and then expects events.
func (r *rig) quiet(what string, want ...string) {
	r.t.Helper()
	time.Sleep(10 * time.Second)
	synctest.Wait()
	r.expect(what, want...)
}

// A link breaks and comes back. A stream that breaks while another is left is no news.
func TestLinkLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		montague := network.Peer("montague.example")
		r := newRig(t)
		r.connect(network)
		montague.Expect(probe)
		montague.Send(`<presence from="romeo@montague.example/orchard" to="juliet@capulet.example"/>`)
		r.quiet("answer", "presence romeo@montague.example/orchard online")

		network.Cut("capulet.example", "montague.example")
		r.quiet("cut", "presence romeo@montague.example unknown")
		network.Heal("capulet.example", "montague.example")
		montague.Send(`<presence from="romeo@montague.example/tomb" to="juliet@capulet.example"/>`)
		montague.Expect(probe)
		r.quiet("healed", "presence romeo@montague.example/tomb online")

		raw := montague.Raw("capulet.example")
		raw.Authenticate()
		raw.Close()
		r.quiet("another stream breaks")
		montague.Quiet(time.Minute)
	})
}

// The only stream is closed, and closed by the peer since nobody said anything: nothing is
// lost. Then it breaks.
func TestLinkIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		r := newRig(t)
		r.connect(network)
		r.quiet("a probe that nobody takes", "presence romeo@montague.example unknown")
		for _, end := range []struct {
			what, xml string
			want      []string
		}{
			{"closed", "</stream:stream>", nil},
			{"idle", "<stream:error><connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>", nil},
			{"broken", "", []string{"presence romeo@montague.example unknown"}},
		} {
			raw := network.Raw("montague.example", "capulet.example")
			raw.Authenticate()
			raw.Put(end.xml)
			raw.Close()
			r.quiet(end.what, end.want...)
		}
	})
}

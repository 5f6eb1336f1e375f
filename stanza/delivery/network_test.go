package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
	"isthmus.im/stanza/delivery"
	"isthmus.im/stanza/payload"
)

// domain is a server with sessions that note what they get.
type domain struct {
	out stanza.Sender

	mu   sync.Mutex
	seen []string
}

func newDomain(network *s2stest.Network, name string, online ...delivery.Session) *domain {
	peer := network.Peer(name)
	d := &domain{out: peer.Server()}
	box := &delivery.Inbox{
		Sessions: func(context.Context, jid.JID) ([]delivery.Session, error) { return online, nil },
		Deliver: func(_ context.Context, s delivery.Session, st *stanza.Stanza) error {
			what := string(st.Type)
			for n := range st.Payloads() {
				what += " " + n.Local
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.seen = append(d.seen, fmt.Sprintf("%s gets %s of %s", s.JID.Resource(), what, st.From.Resource()))
			return nil
		},
		MayAsk:        func(context.Context, jid.JID, jid.JID) (bool, error) { return true, nil },
		MostAvailable: true,
	}
	mux := stanza.NewMux()
	mux.HandleMessage("", box)
	for _, typ := range []stanza.Type{stanza.Get, stanza.Set, stanza.Result, stanza.TypeError} {
		mux.HandleIQ(typ, "", box)
	}
	peer.Handle(mux)
	return d
}

// A call is set up and ended: everybody's device rings, one takes it, and the requests
// of the two sessions are answered to them.
func TestCallBetweenHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		orchard, phone := jid.MustParse("romeo@montague.example/orchard"), jid.MustParse("juliet@capulet.example/phone")
		laptop := jid.MustParse("juliet@capulet.example/laptop")
		network := s2stest.NewNetwork(t)
		montague := newDomain(network, "montague.example", delivery.Session{JID: orchard})
		capulet := newDomain(network, "capulet.example", delivery.Session{JID: phone}, delivery.Session{JID: laptop, Priority: 5})

		call := func(from, to jid.JID, c payload.Call) *stanza.Stanza {
			c.ID = "ca3cf894"
			m, err := payload.NewCall(from, to, c)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		jingle := func(from, to jid.JID, action string) *stanza.Stanza {
			return stanza.MustParse(`<iq type="set" id="` + action + `" from="` + from.String() + `" to="` + to.String() +
				`"><jingle xmlns="urn:xmpp:jingle:1" action="` + action + `" sid="ca3cf894"/></iq>`)
		}
		reply := func(iq *stanza.Stanza, err *stanza.Error) *stanza.Stanza {
			if err != nil {
				return iq.ErrorReply(err)
			}
			r, failed := iq.Reply(stanza.Result, nil)
			if failed != nil {
				t.Fatal(failed)
			}
			return r
		}
		audio := []stanza.Raw{stanza.Raw(`<description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"></description>`)}
		initiate, terminate := jingle(orchard, phone, "session-initiate"), jingle(phone, orchard, "session-terminate")
		again := jingle(orchard, phone, "session-info")
		for _, step := range []struct {
			host *domain
			st   *stanza.Stanza
			to   *domain
			want []string
		}{
			{montague, call(orchard, phone.Bare(), payload.Call{Action: payload.Propose, Descriptions: audio}), capulet,
				[]string{"laptop gets chat propose store origin-id of orchard", "phone gets chat propose store origin-id of orchard"}},
			{capulet, call(phone, orchard, payload.Call{Action: payload.Proceed}), montague, []string{"orchard gets chat proceed store origin-id of phone"}},
			{montague, initiate.Clone(), capulet, []string{"phone gets set jingle of orchard"}},
			{capulet, reply(initiate, nil), montague, []string{"orchard gets result of phone"}},
			{capulet, terminate.Clone(), montague, []string{"orchard gets set jingle of phone"}},
			{montague, reply(terminate, nil), capulet, []string{"phone gets result of orchard"}},
			{montague, again.Clone(), capulet, []string{"phone gets set jingle of orchard"}},
			{capulet, reply(again, &stanza.Error{Condition: stanza.ItemNotFound}), montague, []string{"orchard gets error error of phone"}},
		} {
			what := step.st.String()
			if err := step.host.out.Send(t.Context(), step.st); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			step.to.mu.Lock()
			slices.Sort(step.to.seen)
			if !slices.Equal(step.to.seen, step.want) {
				t.Errorf("%s\n%q\nwant %q", what, step.to.seen, step.want)
			}
			step.to.seen = nil
			step.to.mu.Unlock()
		}
	})
}

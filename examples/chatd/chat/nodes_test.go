package chat

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/stanza"
)

// Nodes, with those who have subscribed to them, are kept with everything else.
func TestNodesAreStored(t *testing.T) {
	s, mux := store.NewMemory(), stanza.NewMux()
	juliet, romeo := jid.MustParse("juliet@capulet.example"), jid.MustParse("romeo@montague.example/orchard")
	p := newPeople(s, mux, nil, slog.New(slog.DiscardHandler))
	_, err := p.nodes.Store.Update(t.Context(), juliet, "urn:a", func(n pep.Node) (pep.Node, error) {
		n.Created, n.Subscribers = time.UnixMilli(1).UTC(), []jid.JID{romeo}
		return n, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.Nodes().Read(t.Context(), juliet, "urn:a", pep.Query{})
	if err != nil || !slices.Equal(n.Subscribers, []jid.JID{romeo}) {
		t.Errorf("%+v, %v", n, err)
	}
}

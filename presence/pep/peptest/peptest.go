// Package peptest tests implementations of pep.Store.
//
// A host that keeps nodes in its own database calls [TestStore] from a test:
//
//	func TestNodes(t *testing.T) {
//		peptest.TestStore(t, func(t testing.TB) pep.Store {
//			return newNodes(openEmptyDatabase(t))
//		})
//	}
//
// The tests cover what the comment of pep.Store says: every field comes back as it was
// given, and payloads byte by byte; queries pick what they should; items keep their
// order and, where none is given, their payload; Updates are atomic under concurrency;
// nodes that do not exist are gone; errors and panics change nothing; memory is
// not shared; an ended context is heeded; users, nodes and items are apart from each other,
// and names that databases like to mix up are not.
//
// They do not pull the plug: that an Update is durable when it returns is beyond
// them, as is a limit that the store may have on sizes (they use names of up to 1,023
// bytes, payloads of up to 200,000 and nodes of up to 300 items).
package peptest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/stanza"
)

// TestStore tests the stores that open returns. It calls open for each of about 20
// subtests, one after the other, and expects a store without nodes each time; open
// registers what is to be closed with t.Cleanup and fails with t.Fatal. The subtests
// make some 1,500 updates in all, for some 40 users whose addresses the tests choose: a
// store that keeps nodes only of users it knows has to let all of them in here.
func TestStore(t *testing.T, open func(t testing.TB) pep.Store) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// A check tests one rule. It takes a testing.TB so that the tests of this package
// can watch it fail.
type check struct {
	name string
	run  func(t testing.TB, s pep.Store)
}

var checks = []check{
	{"Empty", testEmpty},
	{"Config", testConfig},
	{"Texts", testTexts},
	{"Name", testName},
	{"Times", testTimes},
	{"Subscribers", testSubscribers},
	{"Order", testOrder},
	{"Payloads", testPayloads},
	{"Large", testLarge},
	{"Query", testQuery},
	{"Delete", testDelete},
	{"Lookalikes", testLookalikes},
	{"Users", testUsers},
	{"Error", testError},
	{"Panic", testPanic},
	{"OwnGiven", testOwnGiven},
	{"OwnStored", testOwnStored},
	{"OwnReturned", testOwnReturned},
	{"ContextEnded", testContextEnded},
	{"ContextEndsDuringUpdate", testContextEnds},
	{"ConcurrentUpdates", testConcurrentUpdates},
	{"ConcurrentNodes", testConcurrentNodes},
	{"ConcurrentReads", testConcurrentReads},
}

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
	nurse  = jid.MustParse("nurse@capulet.example")

	then = time.Date(2026, 2, 28, 23, 59, 59, 987000000, time.UTC)
)

// all picks every item that the tests make.
var all = pep.Query{Max: 1000}

func item(id string) pep.Item {
	return pep.Item{ID: id, Published: then, Payload: stanza.Raw(`<a xmlns="urn:a">` + id + `</a>`)}
}

// full is a node with everything that a node can have, and three items.
func full(name string) pep.Node {
	return pep.Node{
		Name: name, Created: then,
		Config: pep.Config{Access: pep.Roster, Groups: []string{"Friends", "Verona"}, Allowed: []jid.JID{romeo},
			MaxItems: pep.Max, NoPayload: true, SendLast: pep.Never},
		Items:       []pep.Item{item("1"), item("2"), item("3")},
		Subscribers: []jid.JID{romeo, nurse},
	}
}

// clone returns a node with memory of its own.
func clone(n pep.Node) pep.Node {
	n.Config.Groups, n.Config.Allowed = slices.Clone(n.Config.Groups), slices.Clone(n.Config.Allowed)
	n.Subscribers, n.Items = slices.Clone(n.Subscribers), slices.Clone(n.Items)
	for i := range n.Items {
		n.Items[i].Payload = slices.Clone(n.Items[i].Payload)
	}
	return n
}

// bare returns n with items without payloads, as Update gives and returns it.
func bare(n pep.Node) pep.Node {
	n = clone(n)
	for i := range n.Items {
		n.Items[i].Payload = nil
	}
	return n
}

// differs says what is different about two nodes, and nothing if they are the same. The
// order of Groups, Allowed and Subscribers makes no difference.
func differs(got, want pep.Node) string {
	subscribers := func(n pep.Node) []jid.JID { return slices.SortedFunc(slices.Values(n.Subscribers), jid.JID.Compare) }
	switch {
	case got.Name != want.Name:
		return fmt.Sprintf("the name is %q, want %q", got.Name, want.Name)
	case !got.Created.Equal(want.Created):
		return fmt.Sprintf("it was created %v, want %v", got.Created, want.Created)
	case !got.Config.Equal(want.Config) || len(got.Config.Groups) != len(want.Config.Groups) || len(got.Config.Allowed) != len(want.Config.Allowed):
		return fmt.Sprintf("it is configured %+v, want %+v", got.Config, want.Config)
	case !slices.Equal(subscribers(got), subscribers(want)):
		return fmt.Sprintf("the subscribers are %v, want %v", got.Subscribers, want.Subscribers)
	case len(got.Items) != len(want.Items):
		return fmt.Sprintf("there are %d items, want %d", len(got.Items), len(want.Items))
	}
	for i, w := range want.Items {
		g := got.Items[i]
		if g.ID != w.ID || !g.Published.Equal(w.Published) || string(g.Payload) != string(w.Payload) {
			return fmt.Sprintf("item %d is %q of %v, %.100q, want %q of %v, %.100q", i, g.ID, g.Published, g.Payload, w.ID, w.Published, w.Payload)
		}
	}
	return ""
}

// set stores a node and fails the test when that fails.
func set(t testing.TB, s pep.Store, owner jid.JID, n pep.Node) {
	t.Helper()
	got, err := s.Update(t.Context(), owner, n.Name, func(pep.Node) (pep.Node, error) { return clone(n), nil })
	if err != nil {
		t.Fatalf("Update(%v, %q): %v", owner, n.Name, err)
	}
	if d := differs(got, bare(n)); d != "" {
		t.Errorf("Update(%v, %q) returned another node than was stored: %s", owner, n.Name, d)
	}
}

// read returns a node with the items that q picks.
func read(t testing.TB, s pep.Store, owner jid.JID, node string, q pep.Query) pep.Node {
	t.Helper()
	n, err := s.Read(t.Context(), owner, node, q)
	if err != nil {
		t.Fatalf("Read(%v, %q): %v", owner, node, err)
	}
	return n
}

// expect compares all nodes of owner: what Nodes lists, what Read returns and what
// Update is given.
func expect(t testing.TB, s pep.Store, owner jid.JID, want ...pep.Node) {
	t.Helper()
	nodes, err := s.Nodes(t.Context(), owner)
	if err != nil {
		t.Fatalf("Nodes(%v): %v", owner, err)
	}
	left := make(map[string]pep.Node, len(want))
	for _, w := range want {
		left[w.Name] = w
	}
	for _, n := range nodes {
		w, ok := left[n.Name]
		if !ok {
			t.Errorf("Nodes(%v) has %q, which is not expected or comes twice", owner, n.Name)
			continue
		}
		w.Items, w.Subscribers = nil, nil
		if d := differs(n, w); d != "" {
			t.Errorf("Nodes(%v) has %q: %s", owner, n.Name, d)
		}
		delete(left, n.Name)
	}
	for name := range left {
		t.Errorf("Nodes(%v) lacks %q", owner, name)
	}
	for _, w := range want {
		if d := differs(read(t, s, owner, w.Name, all), w); d != "" {
			t.Errorf("Read(%v, %q): %s", owner, w.Name, d)
		}
		if d := differs(get(t, s, owner, w.Name), bare(w)); d != "" {
			t.Errorf("Update(%v, %q) is given another node: %s", owner, w.Name, d)
		}
	}
}

// get returns the node that Update gives to its function, and leaves it as it is.
func get(t testing.TB, s pep.Store, owner jid.JID, node string) pep.Node {
	t.Helper()
	var given pep.Node
	got, err := s.Update(t.Context(), owner, node, func(n pep.Node) (pep.Node, error) {
		given = clone(n)
		return n, nil
	})
	if err != nil {
		t.Fatalf("Update(%v, %q): %v", owner, node, err)
	}
	if d := differs(got, given); d != "" {
		t.Errorf("Update(%v, %q) changed nothing, but returned another node: %s", owner, node, d)
	}
	return given
}

package roster

import (
	"testing"
	"unsafe"

	"isthmus.im/jid"
)

// Addresses cut out of a stanza must not keep that stanza in memory.
func TestMemStoreDetachesAddresses(t *testing.T) {
	const (
		user    = "juliet@capulet.example"
		contact = "romeo@montague.example"
	)
	stanza := string([]byte("<presence to='" + user + "' from='" + contact + "'/>"))
	at := len("<presence to='")
	to := jid.MustParse(stanza[at : at+len(user)])
	at += len(user) + len("' from='")
	from := jid.MustParse(stanza[at : at+len(contact)])
	inStanza := func(j jid.JID) bool {
		start := uintptr(unsafe.Pointer(unsafe.StringData(stanza)))
		at := uintptr(unsafe.Pointer(unsafe.StringData(j.String())))
		return at >= start && at < start+uintptr(len(stanza))
	}
	if !inStanza(to) || !inStanza(from) {
		t.Fatal("package jid copies: nothing to test")
	}

	var m MemStore
	for range 2 { // the second replaces the item
		_, err := m.Update(t.Context(), to, from, func(Item) (Item, error) { return Item{Contact: from, Pending: true}, nil })
		if err != nil {
			t.Fatal(err)
		}
		if len(m.users) != 1 {
			t.Fatalf("%d users", len(m.users))
		}
		for u, items := range m.users {
			if u != to || len(items) != 1 || items[0].Contact != from {
				t.Fatalf("%v has %+v", u, items)
			}
			if inStanza(u) {
				t.Error("the user's address shares the memory of the stanza")
			}
			if inStanza(items[0].Contact) {
				t.Error("the contact's address shares the memory of the stanza")
			}
		}
	}
}

package pep

import (
	"slices"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Access says who may see a node: subscribe to it, be notified and fetch its items (XEP-0060
// section 4.5). The owner always may. The numbers of its values do not change
// between versions and may be stored; any other number counts as Whitelist.
type Access uint8

const (
	Presence  Access = iota // who may see the owner's presence; the zero value
	Open                    // everybody
	Roster                  // who may see the owner's presence and is in one of Config.Groups
	Whitelist               // who is in Config.Allowed
)

var accessNames = []string{"presence", "open", "roster", "whitelist"}

// String returns the value of the field pubsub#access_model, such as "open".
func (a Access) String() string { return accessNames[min(a, Whitelist)] }

// SendLast says when the last item of a node is sent without having been asked for
// (XEP-0060 section 16.4.4). The numbers of its values do not change between versions and
// may be stored; any other number counts as Never.
type SendLast uint8

const (
	OnSubAndPresence SendLast = iota // to new subscribers and to those who come online; the zero value
	OnSub                            // to new subscribers
	Never                            // to nobody: notifications are of changes only
)

var sendLastNames = []string{"on_sub_and_presence", "on_sub", "never"}

// String returns the value of the field pubsub#send_last_published_item.
func (s SendLast) String() string { return sendLastNames[min(s, Never)] }

// Max, as Config.MaxItems, is as many items as the Service allows (XEP-0060 feature
// "config-node-max").
const Max = -1

// Config is how a node behaves. The zero Config is the default of XEP-0163: one item,
// seen by those who may see the owner's presence.
type Config struct {
	// Access says who may see the node.
	Access Access
	// Groups are the roster groups that Roster lets in.
	Groups []string
	// Allowed are the bare addresses that Whitelist lets in.
	Allowed []jid.JID
	// MaxItems is how many items are kept; the oldest go. Zero: 1. [Max]: as many as
	// the Service allows.
	MaxItems int
	// Transient nodes keep no items, they only notify.
	Transient bool
	// NoPayload leaves the payload out of notifications; who wants it fetches the item.
	NoPayload bool
	// SendLast says who gets the last item without a change.
	SendLast SendLast
}

// Equal reports whether c and o say the same. The order of Groups and Allowed makes no
// difference, nor does the way to say one item.
func (c Config) Equal(o Config) bool {
	return c.Access == o.Access && c.limit() == o.limit() && c.Transient == o.Transient &&
		c.NoPayload == o.NoPayload && c.SendLast == o.SendLast &&
		slices.Equal(sorted(c.Groups), sorted(o.Groups)) &&
		slices.Equal(sortedJIDs(c.Allowed), sortedJIDs(o.Allowed))
}

// limit is MaxItems with its zero value said.
func (c Config) limit() int {
	switch {
	case c.MaxItems == 0:
		return 1
	case c.MaxItems < 0:
		return Max
	}
	return c.MaxItems
}

func sorted(s []string) []string { return slices.Compact(slices.Sorted(slices.Values(s))) }

func sortedJIDs(s []jid.JID) []jid.JID {
	return slices.Compact(slices.SortedFunc(slices.Values(s), jid.JID.Compare))
}

// clone returns c with lists of its own.
func (c Config) clone() Config {
	c.Groups, c.Allowed = slices.Clone(c.Groups), slices.Clone(c.Allowed)
	return c
}

// Item is one item of a node.
type Item struct {
	// ID tells the items of a node apart. Publishing under an ID that exists replaces
	// the item. Empty, for Publish: a new one is made up.
	ID string
	// Published is when that was, in UTC and whole milliseconds. The Service sets
	// it; of items fetched from others, who do not say, it is zero.
	Published time.Time
	// Payload is one element that declares its default namespace itself, byte for byte as
	// it was published. Nil: none.
	Payload stanza.Raw
}

// Node is a node of a user, and what a [Store] keeps of it.
type Node struct {
	// Name is the node's name, such as "urn:xmpp:avatar:metadata".
	Name string
	// Created is when the node was made, in UTC and whole milliseconds. Zero: there is
	// no such node, and everything but Name is empty.
	Created time.Time
	// Config is how it behaves.
	Config Config
	// Items are its items in the order of their publication, the last one last.
	Items []Item
	// Subscribers are the addresses that subscribed to the node explicitly (XEP-0060
	// section 6.1), each once. Those who see the owner's presence need not.
	Subscribers []jid.JID
}

// Exists reports whether there is such a node.
func (n Node) Exists() bool { return !n.Created.IsZero() }

// last returns the item published last.
func (n Node) last() (Item, bool) {
	if len(n.Items) == 0 {
		return Item{}, false
	}
	return n.Items[len(n.Items)-1], true
}

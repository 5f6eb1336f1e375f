package s2s

import (
	"hash/maphash"
	"sync/atomic"

	"isthmus.im/jid"
)

// jidCache remembers recently parsed addresses, so that a conversation does not
// parse the same two over and over. It is a direct-mapped table without locks:
// an address that collides with another replaces it.
type jidCache struct {
	seed  maphash.Seed
	slots [4096]atomic.Pointer[cached]
}

type cached struct {
	raw string
	jid jid.JID
}

// parse reads an address as it came from the wire. Nothing refers to b
// afterwards.
func (c *jidCache) parse(b []byte) (jid.JID, error) {
	slot := &c.slots[maphash.Bytes(c.seed, b)%uint64(len(c.slots))]
	if e := slot.Load(); e != nil && e.raw == string(b) {
		return e.jid, nil
	}
	raw := string(b)
	j, _, err := jid.ParseLegacy(raw)
	if err != nil {
		return jid.JID{}, err
	}
	if len(raw) <= 256 {
		slot.Store(&cached{raw, j})
	}
	return j, nil
}

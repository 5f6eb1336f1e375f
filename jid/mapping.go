package jid

import (
	"encoding/base32"
	"iter"
	"strconv"

	"golang.org/x/text/unicode/norm"
)

// Mapping gives the users of a host addresses on one domain, and finds the
// user that an address means. It keeps no state; a Mapping is safe for
// concurrent use.
//
// Ids may be UUIDs, e-mail addresses or free text. They are lower-cased and
// normalized as local parts are, and escaped as EscapeLocal does:
//
//	3B241101-E2BB-4255-8CAF-4136C566A962   3b241101-e2bb-4255-8caf-4136c566a962
//	Ann@Corp.example                       ann\40corp.example
//	Ann Smith                              ann\20smith
//
// So ids that differ only in what normalization removes collide, and Check
// finds them. A host whose ids are case-sensitive, or hold characters that no
// local part may have, sets Opaque.
type Mapping struct {
	// Domain is the domain of all addresses, such as MustParse("chat.example").
	// Its local and resource parts are ignored. It is required.
	Domain JID

	// Opaque writes ids as lower-case base32 (RFC 4648 section 6, no padding).
	// Every id of 1 to 639 bytes then has an address of its own that no person
	// can read. False: ids stay readable.
	Opaque bool
}

// opaque is the encoding of Mapping.Opaque.
var opaque = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// JID returns the address of the user id. It fails with a *ParseError for an id
// that no address can stand for.
func (m Mapping) JID(id string) (JID, error) {
	domain := m.Domain.Domain()
	if domain == "" {
		return JID{}, &ParseError{Part: DomainPart, Err: ErrEmpty}
	}
	refuse := func(err error) (JID, error) {
		return JID{}, &ParseError{Input: id, Part: LocalPart, Err: err}
	}
	if len(id) > maxInput {
		return refuse(ErrTooLong)
	}
	escaped := ""
	if m.Opaque {
		escaped = opaque.EncodeToString([]byte(id))
	} else {
		escaped = EscapeLocal(norm.NFC.String(toLower(foldWidth(id), true)))
	}
	local, err := apply(normalLocal, escaped)
	if err != nil {
		return refuse(err)
	}
	if local != escaped {
		// A combining character has merged with the end of an escape sequence.
		return refuse(ErrDisallowed)
	}
	return join(local, domain, ""), nil
}

// ID returns the id of the user whom j, with or without a resource part, means.
// It returns false when j is on another domain or stands for no id.
//
// ID undoes JID, except that the id comes back normalized unless Opaque is set.
// A host that keeps ids in another spelling stores ID(JID(id)) beside them.
func (m Mapping) ID(j JID) (id string, ok bool) {
	local := j.Local()
	if local == "" || j.Domain() != m.Domain.Domain() {
		return "", false
	}
	if m.Opaque {
		b, err := opaque.DecodeString(local)
		return string(b), err == nil && opaque.EncodeToString(b) == local
	}
	id = UnescapeLocal(local)
	back, err := m.JID(id)
	if err != nil || back.Local() != local {
		return "", false
	}
	return id, true
}

// CollisionError reports two users who cannot both have the address that a
// Mapping gives them.
type CollisionError struct {
	ID, Other     string // Other came first
	JID, OtherJID JID    // their addresses
}

// Error names both ids and says how far the collision goes.
func (e *CollisionError) Error() string {
	ids := "jid: " + strconv.Quote(e.ID) + " and " + strconv.Quote(e.Other)
	if e.Legacy() {
		return ids + " have addresses that servers of the stringprep era take for one: " +
			e.JID.String() + " and " + e.OtherJID.String()
	}
	return ids + " have the same address: " + e.JID.String()
}

// Legacy reports whether the addresses differ and only servers that enforce RFC
// 6122 take them for the same (see JID.LegacyKey).
func (e *CollisionError) Legacy() bool { return e.JID != e.OtherJID }

// Check goes through ids and yields each one that has no address, with a
// *ParseError, and each one whose address collides with that of an id before
// it, with a *CollisionError. An id that occurs twice does not collide with
// itself. Check holds all ids in memory while it runs; a host with a database
// may rather give JID.LegacyKey a unique column.
func (m Mapping) Check(ids iter.Seq[string]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		type user struct {
			id  string
			jid JID
		}
		seen := make(map[string]user)
		for id := range ids {
			j, err := m.JID(id)
			if err == nil {
				key := j.LegacyKey()
				first, taken := seen[key]
				if !taken {
					seen[key] = user{id, j}
					continue
				}
				if first.id == id {
					continue
				}
				err = &CollisionError{ID: id, Other: first.id, JID: j, OtherJID: first.jid}
			}
			if !yield(id, err) {
				return
			}
		}
	}
}

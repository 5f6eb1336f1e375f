package dialback

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"

	"isthmus.im/jid"
)

// ErrNoSecret says that a [Secret] gave nothing that a key could be made of.
var ErrNoSecret = errors.New("dialback: no secret to make keys of")

// Secret returns what keys are made of. The first secret makes new keys; keys
// made of any of them are recognized, so that a secret can be replaced while
// streams are being verified. Empty secrets do not count: anybody could make
// keys of them.
//
// All replicas that answer for a domain have to return the same secrets, at
// least 16 random bytes each, for a key made by one is shown to another. A
// Secret is called for every key that is made or checked, from any goroutine,
// and must not block: one that lives in a database returns a copy held in
// memory. The result is not changed.
type Secret func() [][]byte

// Fixed returns a Secret of the given secrets, the one for new keys first.
func Fixed(secrets ...[]byte) Secret {
	all := make([][]byte, len(secrets))
	for i, s := range secrets {
		all[i] = slices.Clone(s)
	}
	return func() [][]byte { return all }
}

// Random returns a Secret of 32 bytes from crypto/rand, made once. It serves a
// process that shares its domains with no other.
func Random() Secret {
	s := make([]byte, sha256.Size)
	rand.Read(s)
	return Fixed(s)
}

// Key makes the key of XEP-0185 section 2 for a stream from the originating to
// the receiving domain. The id is the one that the receiving server gave the
// stream. The result is 64 hexadecimal digits in lower case.
func Key(secret []byte, receiving, originating jid.JID, id string) string {
	hashed := sha256.Sum256(secret)
	mac := hmac.New(sha256.New, []byte(hex.EncodeToString(hashed[:])))
	mac.Write([]byte(receiving.String() + " " + originating.String() + " " + id))
	return hex.EncodeToString(mac.Sum(nil))
}

// usable returns the secrets that count.
func (s Secret) usable() [][]byte {
	return slices.DeleteFunc(slices.Clone(s()), func(b []byte) bool { return len(b) == 0 })
}

// recognizes reports whether key was made of one of the secrets. The time it
// takes does not depend on where the keys differ, nor on which secret fits.
func recognizes(secrets [][]byte, key string, receiving, originating jid.JID, id string) bool {
	found := false
	for _, s := range secrets {
		if hmac.Equal([]byte(key), []byte(Key(s, receiving, originating, id))) {
			found = true
		}
	}
	return found
}

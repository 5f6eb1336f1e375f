package profile

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// The nodes of a profile. A host whose users want to know of the profiles of their
// contacts adds "+notify" to AvatarNode and NickNode in the features of their sessions.
const (
	AvatarNode = "urn:xmpp:avatar:metadata" // what avatar there is (XEP-0084)
	DataNode   = "urn:xmpp:avatar:data"     // the image
	NickNode   = "http://jabber.org/protocol/nick"
)

const (
	nsVCard      = "vcard-temp"
	nsUpdate     = "vcard-temp:x:update"
	nsConversion = "urn:xmpp:pep-vcard-conversion:0"
)

// maxText is how many bytes of a name or nick are taken from others.
const maxText = 1023

var (
	// ErrImage is returned for an avatar of a contact that is not what was announced:
	// its bytes have another hash, or cannot be read.
	ErrImage = errors.New("profile: not the avatar that was announced")
	// ErrTooLarge is returned for an avatar of a contact of more than Service.MaxAvatar.
	ErrTooLarge = errors.New("profile: too large an avatar")
	// ErrFixed is what a [Service.Store] answers to changes of the nodes that it makes
	// itself. Requesters are told not-allowed.
	ErrFixed = fmt.Errorf("profile: the host's profile decides: %w", &stanza.Error{Condition: stanza.NotAllowed})
)

// Profile is what others may see of a user.
type Profile struct {
	Name   string // the full name; empty: not said
	Nick   string // how the user likes to be called (XEP-0172); empty: not said
	Avatar Avatar // zero: none
	// Changed is when the profile last changed. Zero: not known, and taken for now
	// where a time has to be said.
	Changed time.Time
}

// Avatar is a small image of a user.
type Avatar struct {
	// Data is the image. Empty: there is none.
	Data []byte
	// Type is its media type. Others can rely on image/png only (XEP-0084 section 4.2.1).
	Type string
	// Width and Height are in pixels. Zero: not known.
	Width, Height int
}

// ID returns what names the avatar everywhere: the SHA-1 of its data in hexadecimal. It is
// empty if there is none.
func (a Avatar) ID() string {
	if len(a.Data) == 0 {
		return ""
	}
	sum := sha1.Sum(a.Data)
	return hex.EncodeToString(sum[:])
}

// Profiles are those of a host's users.
type Profiles interface {
	// Profile returns the profile of a local user, and false for a user who has none or
	// does not exist. An error is logged, and answered as such. What is returned is not
	// changed. Profile is safe for concurrent use.
	Profile(ctx context.Context, user jid.JID) (Profile, bool, error)
}

// Service shows the profiles of local users to others and reads theirs. Profiles and
// Nodes are required; the rest is optional. Do not change a Service once it is in use.
type Service struct {
	// Profiles are those of local users.
	Profiles Profiles
	// Nodes serves their nodes, from a store that Store has made.
	Nodes *pep.Service
	// Access says who may see profiles. Zero: who may see the user's presence.
	// [pep.Open]: everybody, which also tells everybody who has one that they exist.
	// Others are not for this.
	Access pep.Access
	// MaxAvatar is how large an avatar may be, in bytes. Larger ones of local users are
	// not shown. Zero: 65536.
	MaxAvatar int
	// Logger receives what goes wrong. Nil: [slog.Default].
	Logger *slog.Logger
}

var _ stanza.Handler = (*Service)(nil)

// Register makes the service the handler of requests for vCards.
func (s *Service) Register(mux *stanza.Mux) {
	mux.HandleIQ(stanza.Get, nsVCard+" vCard", s)
}

// Changed tells contacts that a user's profile has changed; see [pep.Service.Notify]. The
// host also announces the presence of the user's sessions anew, after Decorate, so that
// it carries the new avatar. The error is that of Profiles or of the stores.
func (s *Service) Changed(ctx context.Context, user jid.JID) error {
	for _, node := range []string{AvatarNode, NickNode} {
		if err := s.Nodes.Notify(ctx, user, node); err != nil && !errors.Is(err, pep.ErrNone) {
			return err
		}
	}
	return nil
}

// Info is Info of Nodes, and adds for accounts that there are vCards, and that they and
// the avatar are always the same (XEP-0398). It has the form of disco.Service.Info.
func (s *Service) Info(ctx context.Context, q disco.Query, info disco.Info) (disco.Info, error) {
	info, err := s.Nodes.Info(ctx, q, info)
	if err == nil && q.To.Local() != "" && q.To.IsBare() && q.Node == "" && len(info.Identities) > 0 {
		info.Features = append(info.Features, nsVCard, nsConversion)
	}
	return info, err
}

// profile returns the profile of a user, without an avatar that is too large.
func (s *Service) profile(ctx context.Context, user jid.JID) (Profile, bool, error) {
	p, ok, err := s.Profiles.Profile(ctx, user)
	if err != nil {
		return Profile{}, false, fmt.Errorf("profile: of %s: %w", user, err)
	}
	if !ok {
		return Profile{}, false, nil
	}
	if len(p.Avatar.Data) > s.maxAvatar() {
		s.log().Warn("avatar not shown, too large", "local", user, "bytes", len(p.Avatar.Data))
		p.Avatar = Avatar{}
	}
	return p, true, nil
}

func (s *Service) maxAvatar() int {
	if s.MaxAvatar == 0 {
		return 65536
	}
	return s.MaxAvatar
}

func (s *Service) log() *slog.Logger {
	if s.Logger == nil {
		return slog.Default()
	}
	return s.Logger
}

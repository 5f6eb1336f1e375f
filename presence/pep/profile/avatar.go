package profile

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/stanza"
)

// imageAge is how long an image may be remembered: what is named by its hash does not
// change.
const imageAge = 30 * 24 * time.Hour

// AvatarOf returns which avatar an event of a contact's AvatarNode tells of: an id for
// [Service.Avatar], or an empty one if there is none any more. It returns false for
// events of other nodes, and for those that tell of images elsewhere only.
func AvatarOf(e pep.Event) (id string, ok bool) {
	if e.Node != AvatarNode {
		return "", false
	}
	if e.Deleted || e.Purged {
		return "", true
	}
	if len(e.Items) == 0 {
		return "", false
	}
	i, ok := readMetadata(e.Items[len(e.Items)-1])
	return i.ID, ok
}

// NickIn returns the nick that an event of a contact's NickNode tells of, empty if there is
// none any more. It returns false for events of other nodes.
func NickIn(e pep.Event) (nick string, ok bool) {
	switch {
	case e.Node != NickNode:
		return "", false
	case e.Deleted || e.Purged || len(e.Retracted) > 0:
		return "", true
	case len(e.Items) == 0:
		return "", false
	}
	return readNick(e.Items[len(e.Items)-1].Payload)
}

func readNick(payload stanza.Raw) (string, bool) {
	var n nick
	if payload.Decode(&n) != nil {
		return "", false
	}
	return bounded(n.Text), true
}

// readMetadata returns what an item says of the image that is at the data node: an info
// without URL, the one for which the item is named if there are several (XEP-0084 section
// 3.2). The zero info, if there is none at all.
func readMetadata(it pep.Item) (info, bool) {
	var m metadata
	if it.Payload == nil || it.Payload.Decode(&m) != nil {
		return info{}, false
	}
	if len(m.Info) == 0 {
		return info{}, true
	}
	var found info
	for _, i := range m.Info {
		id, ok := readID(i.ID)
		if i.URL != "" || !ok || id == "" {
			continue
		}
		if i.ID = id; found.ID == "" || strings.EqualFold(it.ID, id) {
			found = i
		}
	}
	return found, found.ID != ""
}

// Avatar returns the avatar of a contact on behalf of a local user. id says which one: what
// [AvatarOf] or [PhotoOf] returned. An empty id is the present one. It is asked for at the
// contact's nodes, and if there is nothing for the user to see, in the vCard. What comes
// has the hash that names it, or it is [ErrImage].
//
// Images are remembered as by [pep.Service.Fetch]. The errors are those, [ErrImage] and
// [ErrTooLarge]. [pep.ErrNone] says that the contact has no avatar, or not that one.
// The Type is that of the image's bytes where it is known here (PNG, JPEG, GIF and WebP), and
// else what the contact says; whoever shows it decides what to do with others.
func (s *Service) Avatar(ctx context.Context, user, contact jid.JID, id string) (Avatar, error) {
	i := info{ID: id}
	if id == "" {
		answer, err := s.Nodes.Fetch(ctx, user, contact, AvatarNode, pep.Fetch{Max: 1})
		switch {
		case errors.Is(err, pep.ErrNone), errors.Is(err, pep.ErrNotVisible), err == nil && len(answer.Items) == 0:
			return s.photo(ctx, user, contact, "")
		case err != nil:
			return Avatar{}, err
		}
		ok := false
		if i, ok = readMetadata(answer.Items[len(answer.Items)-1]); !ok {
			return s.photo(ctx, user, contact, "")
		}
		if i.ID == "" {
			return Avatar{}, fmt.Errorf("%w: %s has no avatar", pep.ErrNone, contact)
		}
	}
	if i.Bytes > s.maxAvatar() {
		return Avatar{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, i.Bytes)
	}
	answer, err := s.Nodes.Fetch(ctx, user, contact, DataNode, pep.Fetch{IDs: []string{i.ID}, MaxAge: imageAge})
	switch {
	case errors.Is(err, pep.ErrNone), errors.Is(err, pep.ErrNotVisible), err == nil && len(answer.Items) == 0:
		return s.photo(ctx, user, contact, i.ID)
	case err != nil:
		return Avatar{}, err
	}
	var x data
	if err := answer.Items[0].Payload.Decode(&x); err != nil {
		return Avatar{}, fmt.Errorf("%w: %w", ErrImage, err)
	}
	image, err := s.decode(x.Text)
	if err != nil {
		return Avatar{}, err
	}
	return checked(Avatar{Data: image, Type: sniff(image, i.Type), Width: i.Width, Height: i.Height}, i.ID)
}

// photo is the avatar in the vCard.
func (s *Service) photo(ctx context.Context, user, contact jid.JID, id string) (Avatar, error) {
	var card vCard
	if err := s.Nodes.Ask(ctx, user, contact, vCard{}, &card); err != nil {
		return Avatar{}, err
	}
	if card.Photo == nil || strings.TrimSpace(card.Photo.Data) == "" {
		return Avatar{}, fmt.Errorf("%w: %s has no avatar", pep.ErrNone, contact)
	}
	image, err := s.decode(card.Photo.Data)
	if err != nil {
		return Avatar{}, err
	}
	return checked(Avatar{Data: image, Type: sniff(image, card.Photo.Type)}, id)
}

// checked returns the avatar if it is the one that was wanted.
func checked(a Avatar, id string) (Avatar, error) {
	if id != "" && !strings.EqualFold(a.ID(), id) {
		return Avatar{}, fmt.Errorf("%w: %s, not %s", ErrImage, a.ID(), id)
	}
	return a, nil
}

// decode reads Base64 in which there may be white space (XEP-0084 section 4.1).
func (s *Service) decode(text string) ([]byte, error) {
	text = strings.Join(strings.Fields(text), "")
	if base64.StdEncoding.DecodedLen(len(text)) > s.maxAvatar()+2 {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, s.maxAvatar())
	}
	image, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(image) == 0 {
		return nil, fmt.Errorf("%w: no image", ErrImage)
	}
	if len(image) > s.maxAvatar() {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(image))
	}
	return image, nil
}

// sniff returns the media type of an image by its first bytes, and said where they tell
// nothing (XEP-0153 section 5).
func sniff(image []byte, said string) string {
	for _, known := range []struct{ start, typ string }{
		{"\x89PNG\r\n\x1a\n", "image/png"}, {"\xff\xd8\xff", "image/jpeg"}, {"GIF87a", "image/gif"}, {"GIF89a", "image/gif"},
	} {
		if bytes.HasPrefix(image, []byte(known.start)) {
			return known.typ
		}
	}
	if len(image) >= 12 && string(image[:4]) == "RIFF" && string(image[8:12]) == "WEBP" {
		return "image/webp"
	}
	return bounded(said)
}

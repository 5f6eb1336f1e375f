package profile

import (
	"context"
	"encoding/hex"
	"encoding/xml"
	"strings"
	"unicode/utf8"

	"isthmus.im/stanza"
)

// update is what presence says of an avatar (XEP-0153).
type update struct {
	XMLName xml.Name `xml:"vcard-temp:x:update x"`
	Photo   *string  `xml:"photo"`
}

// Decorate adds to presence of a local user which avatar they have (XEP-0153), in place
// of what it says of it, before the host gives it to presence.Service.Announce. A session
// that says itself that there is none is left to say so (XEP-0398 section 5), and so
// is presence that is not available. The error is that of Profiles.
func (s *Service) Decorate(ctx context.Context, p *stanza.Stanza) error {
	if p.Kind != stanza.Presence || p.Type != "" {
		return nil
	}
	var x update
	if p.Decode(&x) == nil && x.Photo != nil && strings.TrimSpace(*x.Photo) == "" {
		return nil
	}
	profile, ok, err := s.profile(ctx, p.From.Bare())
	if err != nil || !ok {
		return err
	}
	var inner []byte
	for name, raw := range p.Payloads() {
		if name.Space != nsUpdate {
			inner = append(inner, raw...)
		}
	}
	p.Inner = inner
	id := profile.Avatar.ID()
	return p.Append(update{Photo: &id})
}

// PhotoOf returns which avatar the sender of presence says to have (XEP-0153): an id for
// [Service.Avatar], or an empty one if they say that they have none. It returns false if
// they do not say.
func PhotoOf(p *stanza.Stanza) (id string, ok bool) {
	var x update
	if p.Decode(&x) != nil || x.Photo == nil {
		return "", false
	}
	return readID(*x.Photo)
}

// readID reads a SHA-1 in hexadecimal, of either case, or nothing.
func readID(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if _, err := hex.DecodeString(s); err != nil || len(s) != 40 && s != "" {
		return "", false
	}
	return s, true
}

// NickOf returns how the sender of a request for a subscription, or of a message, likes to
// be called (XEP-0172). It is empty if they do not say. It is a claim like any other,
// and its first 1,023 bytes.
func NickOf(st *stanza.Stanza) string {
	var n nick
	if st.Decode(&n) != nil {
		return ""
	}
	return bounded(n.Text)
}

// bounded is what is taken of a text of others.
func bounded(s string) string {
	s = strings.TrimSpace(s)
	for len(s) > maxText {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:min(len(s)-size, maxText+utf8.UTFMax)]
	}
	return s
}

// Sender returns a Sender that adds the user's nick to requests for subscriptions (XEP-0172
// section 4.1) and sends everything by out. It is for the Out of a presence.Service.
func (s *Service) Sender(out stanza.Sender) stanza.Sender { return sender{s, out} }

type sender struct {
	s   *Service
	out stanza.Sender
}

func (n sender) Send(ctx context.Context, st *stanza.Stanza) error {
	if st.Kind == stanza.Presence && st.Type == stanza.Subscribe {
		if _, ok := st.Payload(NickNode + " nick"); !ok {
			p, _, err := n.s.profile(ctx, st.From.Bare())
			if err == nil && p.Nick != "" {
				err = st.Append(nick{Text: p.Nick})
			}
			if err != nil {
				n.s.log().Error("request sent without nick", "local", st.From, "err", err)
			}
		}
	}
	return n.out.Send(ctx, st)
}

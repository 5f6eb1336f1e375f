package profile

import (
	"context"
	"encoding/base64"
	"encoding/xml"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/stanza"
)

// vCard is the part of XEP-0054 that is known here.
type vCard struct {
	XMLName xml.Name `xml:"vcard-temp vCard"`
	Name    string   `xml:"FN,omitempty"`
	Nick    string   `xml:"NICKNAME,omitempty"`
	Photo   *photo   `xml:"PHOTO"`
}

type photo struct {
	Type string `xml:"TYPE,omitempty"`
	Data string `xml:"BINVAL,omitempty"`
}

// HandleStanza answers requests for the vCards of local users, whether they are online or
// not, and leaves everything else unhandled. Whoever may not see the profile is told the
// same as of users that there are not, or that have none: service-unavailable.
func (s *Service) HandleStanza(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	if _, ok := iq.Payload(nsVCard + " vCard"); !ok || iq.Kind != stanza.IQ || iq.Type != stanza.Get || iq.To.Local() == "" || !iq.To.IsBare() {
		return nil, nil
	}
	may, err := s.Nodes.MaySee(ctx, iq.To, iq.From, pep.Config{Access: s.Access})
	if err != nil {
		return nil, err
	}
	p, ok, err := s.profile(ctx, iq.To)
	switch {
	case err != nil:
		return nil, err
	case !ok || !may:
		return nil, stanza.Errorf(stanza.ServiceUnavailable, "")
	}
	card := vCard{Name: p.Name, Nick: p.Nick}
	if len(p.Avatar.Data) > 0 {
		card.Photo = &photo{p.Avatar.Type, base64.StdEncoding.EncodeToString(p.Avatar.Data)}
	}
	return iq.Reply(stanza.Result, card)
}

// VCard asks for the vCard of a contact on behalf of a local user. An avatar that cannot be
// read or is larger than MaxAvatar is left out. The errors are those of
// [pep.Service.Fetch]. It remembers nothing.
func (s *Service) VCard(ctx context.Context, user, contact jid.JID) (Profile, error) {
	var card vCard
	if err := s.Nodes.Ask(ctx, user, contact, vCard{}, &card); err != nil {
		return Profile{}, err
	}
	p := Profile{Name: bounded(card.Name), Nick: bounded(card.Nick)}
	if card.Photo != nil {
		if image, err := s.decode(card.Photo.Data); err == nil {
			p.Avatar = Avatar{Data: image, Type: sniff(image, card.Photo.Type)}
		}
	}
	return p, nil
}

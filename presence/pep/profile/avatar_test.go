package profile

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"isthmus.im/presence/pep"
	"isthmus.im/stanza"
)

// contact answers as a contact's server: payloads of nodes, and a vCard. An empty one is
// refused.
func (r *rig) contact(meta, data, card string) {
	r.answer = func(iq *stanza.Stanza) (*stanza.Stanza, error) {
		inner := string(iq.Inner)
		payload := card
		switch {
		case strings.Contains(inner, AvatarNode):
			payload = meta
		case strings.Contains(inner, DataNode):
			payload = data
		}
		if payload == "" {
			return nil, stanza.Errorf(stanza.ItemNotFound, "")
		}
		return iq.Reply(stanza.Result, stanza.Raw(payload))
	}
}

func node(name, items string) string {
	return `<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="` + name + `">` + items + `</items></pubsub>`
}

func metaItem(info string) string {
	return node(AvatarNode, `<item id="`+Avatar{Data: png}.ID()+`"><metadata xmlns="urn:xmpp:avatar:metadata">`+info+`</metadata></item>`)
}

func dataItem(image []byte) string {
	return node(DataNode, `<item id="`+Avatar{Data: png}.ID()+"\"><data xmlns='urn:xmpp:avatar:data'>\n "+base64.StdEncoding.EncodeToString(image)[:5]+"\n "+
		base64.StdEncoding.EncodeToString(image)[5:]+` </data></item>`)
}

func cardWith(photo string) string {
	return `<vCard xmlns="vcard-temp"><FN> Romeo </FN><PHOTO>` + photo + `</PHOTO></vCard>`
}

// A contact's avatar, by each way there is, and what can be wrong with it.
func TestAvatar(t *testing.T) {
	id := Avatar{Data: png}.ID()
	info := `<info bytes="18" id="` + strings.ToUpper(id) + `" type="image/jpeg" width="64" height="32"/>`
	elsewhere := `<info bytes="9" id="0000000000000000000000000000000000000000" type="image/gif" url="https://example.com/a.gif"/>`
	binval := `<TYPE>image/gif</TYPE><BINVAL>` + base64.StdEncoding.EncodeToString(png) + `</BINVAL>`
	other := append([]byte("GIF89a"), png...)
	otherval := `<BINVAL>` + base64.StdEncoding.EncodeToString(other) + `</BINVAL>`
	for _, tt := range []struct {
		name, id         string
		meta, data, card string
		want             error
		typ              string
	}{
		{"nodes", "", metaItem(info), dataItem(png), "", nil, "image/png"},
		{"several formats", "", metaItem(elsewhere + info), dataItem(png), "", nil, "image/png"},
		{"known id", id, "", dataItem(png), "", nil, "image/png"},
		{"vCard", "", "", "", cardWith(binval), nil, "image/png"},
		{"vCard, by hash", id, "", "", cardWith(binval), nil, "image/png"},
		{"data is missing, vCard", "", metaItem(info), node(DataNode, ""), cardWith(binval), nil, "image/png"},
		{"elsewhere only, vCard", "", metaItem(elsewhere), "", cardWith(binval), nil, "image/png"},
		{"other image in the vCard, any will do", "", "", "", cardWith(otherval), nil, "image/gif"},
		{"other image in the vCard", id, "", "", cardWith(otherval), ErrImage, ""},
		{"other data", "", metaItem(info), dataItem(other), "", ErrImage, ""},
		{"no Base64", "", metaItem(info), node(DataNode, `<item id="`+id+`"><data xmlns="urn:xmpp:avatar:data">!</data></item>`), "", ErrImage, ""},
		{"empty data", "", metaItem(info), node(DataNode, `<item id="`+id+`"><data xmlns="urn:xmpp:avatar:data"/></item>`), "", ErrImage, ""},
		{"no data element", "", metaItem(info), node(DataNode, `<item id="`+id+`"/>`), "", ErrImage, ""},
		{"none", "", metaItem(""), "", cardWith(binval), pep.ErrNone, ""},
		{"none anywhere", "", "", "", "", pep.ErrNone, ""},
		{"vCard without photo", "", "", "", `<vCard xmlns="vcard-temp"/>`, pep.ErrNone, ""},
		{"empty photo", "", "", "", cardWith(`<BINVAL> </BINVAL>`), pep.ErrNone, ""},
		{"photo elsewhere", "", "", "", cardWith(`<EXTVAL>https://example.com/</EXTVAL>`), pep.ErrNone, ""},
		{"said to be too large", "", metaItem(`<info bytes="70000" id="` + id + `" type="image/png"/>`), "", "", ErrTooLarge, ""},
		{"too large", "", metaItem(info), dataItem(make([]byte, 65537)), "", ErrTooLarge, ""},
		{"too large photo", "", "", "", cardWith(`<BINVAL>` + base64.StdEncoding.EncodeToString(make([]byte, 65537)) + `</BINVAL>`), ErrTooLarge, ""},
		{"odd answer", "", "", "", `<x xmlns="y"/>`, pep.ErrUnknown, ""},
	} {
		r := newRig(t)
		r.contact(tt.meta, tt.data, tt.card)
		got, err := r.Avatar(t.Context(), juliet, romeo, tt.id)
		if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
			continue
		}
		if err == nil && (len(got.Data) == 0 || got.Type != tt.typ) || err != nil && got.Data != nil {
			t.Errorf("%s: %d bytes of %q", tt.name, len(got.Data), got.Type)
		}
		if tt.name == "nodes" && (got.Width != 64 || got.Height != 32 || string(got.Data) != string(png)) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	r := newRig(t)
	r.answer = func(*stanza.Stanza) (*stanza.Stanza, error) {
		return nil, stanza.Errorf(stanza.RemoteServerTimeout, "")
	}
	for _, id := range []string{"", id} {
		if _, err := r.Avatar(t.Context(), juliet, romeo, id); !errors.Is(err, pep.ErrUnknown) {
			t.Errorf("unreachable: %v", err)
		}
	}
	r.contact("", "", cardWith(binval))
	if p, err := r.VCard(t.Context(), juliet, romeo); err != nil || p.Name != "Romeo" || p.Avatar.ID() != id {
		t.Errorf("vCard %+v, %v", p, err)
	}
	r.contact("", "", cardWith(`<BINVAL>!</BINVAL>`))
	if p, err := r.VCard(t.Context(), juliet, romeo); err != nil || p.Name != "Romeo" || p.Avatar.Data != nil {
		t.Errorf("vCard without readable photo %+v, %v", p, err)
	}
}

func TestEvents(t *testing.T) {
	id := Avatar{Data: png}.ID()
	meta := func(inner string) pep.Item {
		return pep.Item{ID: id, Payload: stanza.Raw(`<metadata xmlns="urn:xmpp:avatar:metadata">` + inner + `</metadata>`)}
	}
	nick := func(s string) pep.Item {
		return pep.Item{Payload: stanza.Raw(`<nick xmlns="http://jabber.org/protocol/nick">` + s + `</nick>`)}
	}
	info := `<info bytes="1" type="image/png" id="` + id + `"/>`
	for _, tt := range []struct {
		name     string
		e        pep.Event
		avatar   string
		isAvatar bool
		nick     string
		isNick   bool
	}{
		{name: "avatar", e: pep.Event{Node: AvatarNode, Items: []pep.Item{meta(info)}}, avatar: id, isAvatar: true},
		{name: "another format first", e: pep.Event{Node: AvatarNode, Items: []pep.Item{meta(`<info bytes="1" type="image/gif" id="357a8123a30844a3aa99861b6349264ba67a5694"/>` + info)}}, avatar: id, isAvatar: true},
		{name: "no avatar", e: pep.Event{Node: AvatarNode, Items: []pep.Item{meta("")}}, isAvatar: true},
		{name: "deleted", e: pep.Event{Node: AvatarNode, Deleted: true}, isAvatar: true},
		{name: "retracted", e: pep.Event{Node: AvatarNode, Retracted: []string{id}}},
		{name: "elsewhere", e: pep.Event{Node: AvatarNode, Items: []pep.Item{meta(`<info bytes="1" type="image/png" url="https://x" id="` + id + `"/>`)}}},
		{name: "no hash", e: pep.Event{Node: AvatarNode, Items: []pep.Item{meta(`<info bytes="1" type="image/png" id="../../etc/passwd"/>`)}}},
		{name: "no number", e: pep.Event{Node: AvatarNode, Items: []pep.Item{meta(`<info bytes="many" type="image/png" id="` + id + `"/>`)}}},
		{name: "no payload", e: pep.Event{Node: AvatarNode, Items: []pep.Item{{ID: id}}}},
		{name: "other node", e: pep.Event{Node: "urn:x", Items: []pep.Item{meta(info)}}},
		{name: "nick", e: pep.Event{Node: NickNode, Items: []pep.Item{nick(" R &amp; J ")}}, nick: "R & J", isNick: true},
		{name: "no nick", e: pep.Event{Node: NickNode, Items: []pep.Item{nick("")}}, isNick: true},
		{name: "nick taken away", e: pep.Event{Node: NickNode, Retracted: []string{"current"}}, isNick: true},
		{name: "nick without payload", e: pep.Event{Node: NickNode, Items: []pep.Item{{}}}},
		{name: "nothing", e: pep.Event{Node: NickNode}},
	} {
		if got, ok := AvatarOf(tt.e); got != tt.avatar || ok != tt.isAvatar {
			t.Errorf("%s: avatar %q, %t", tt.name, got, ok)
		}
		if got, ok := NickIn(tt.e); got != tt.nick || ok != tt.isNick {
			t.Errorf("%s: nick %q, %t", tt.name, got, ok)
		}
	}
	for photo, want := range map[string]string{"<photo>" + strings.ToUpper(id) + "</photo>": id, "<photo/>": "", "": "no", "<photo>x</photo>": "no", "<photo>abcd</photo>": "no"} {
		got, ok := PhotoOf(stanza.MustParse(`<presence><x xmlns="vcard-temp:x:update">` + photo + `</x></presence>`))
		if ok != (want != "no") || ok && got != want {
			t.Errorf("%s: %q, %t", photo, got, ok)
		}
	}
}

func TestBounded(t *testing.T) {
	for _, s := range []string{"", " x ", strings.Repeat("x", 5000), strings.Repeat("é", 2000), strings.Repeat("語", 400), strings.Repeat("\xff", 2000)} {
		got := bounded(s)
		if len(got) > maxText || utf8.ValidString(s) && !utf8.ValidString(got) || len(s) > 2*maxText && len(got) < maxText-4 {
			t.Errorf("%.20q: %d bytes", s, len(got))
		}
	}
}

// Whatever a contact's server answers: an avatar has the hash that was asked for and is
// not too large.
func FuzzAvatar(f *testing.F) {
	id := Avatar{Data: png}.ID()
	info := `<info bytes="18" id="` + id + `" type="image/png"/>`
	f.Add("", metaItem(info), dataItem(png), "")
	f.Add(id, "", dataItem(png), "")
	f.Add(id, "", "", cardWith(`<BINVAL>`+base64.StdEncoding.EncodeToString(png)+`</BINVAL>`))
	f.Add("", "", "", cardWith(`<EXTVAL>x</EXTVAL>`))
	f.Fuzz(func(t *testing.T, id, meta, data, card string) {
		r := newRig(t)
		r.MaxAvatar = 100
		for _, s := range []*string{&meta, &data, &card} {
			if raw, err := stanza.Marshal(stanza.Raw(*s)); err != nil {
				*s = ""
			} else {
				*s = string(raw)
			}
		}
		r.contact(meta, data, card)
		a, err := r.Avatar(t.Context(), juliet, romeo, id)
		if err == nil && (len(a.Data) == 0 || len(a.Data) > 100 || id != "" && !strings.EqualFold(a.ID(), id)) {
			t.Errorf("avatar of %d bytes with id %s for %q", len(a.Data), a.ID(), id)
		}
		if p, err := r.VCard(t.Context(), juliet, romeo); err == nil && (len(p.Name) > maxText || len(p.Avatar.Data) > 100) {
			t.Errorf("vCard %+v", p)
		}
	})
}

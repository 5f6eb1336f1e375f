package disco

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// GetInfo asks the address to, on behalf of the local address from, what it is and
// can do. The empty node asks about the address itself. The error is the peer's
// [*stanza.Error], the Requester's own, or tells of an answer without a query.
func GetInfo(ctx context.Context, r stanza.Requester, from, to jid.JID, node string) (Info, error) {
	return getInfo(ctx, r, from, to, node, 0)
}

// getInfo is GetInfo for answers of at most so many bytes; 0 is any number.
func getInfo(ctx context.Context, r stanza.Requester, from, to jid.JID, node string, most int) (Info, error) {
	raw, lang, err := ask(ctx, r, from, to, NSInfo, node)
	if err != nil {
		return Info{}, err
	}
	if most > 0 && len(raw) > most {
		return Info{}, fmt.Errorf("%w: info of %s has %d bytes", ErrTooLarge, to, len(raw))
	}
	i, err := readInfo(raw)
	if err != nil {
		return Info{}, fmt.Errorf("disco: info of %s: %w", to, err)
	}
	i.Lang = cmp.Or(i.Lang, lang)
	return i, nil
}

// GetItems asks the address to, on behalf of the local address from, what it has. The
// empty node asks about the address itself. Items whose address is malformed are left
// out. The error is as for [GetInfo].
func GetItems(ctx context.Context, r stanza.Requester, from, to jid.JID, node string) (Items, error) {
	raw, _, err := ask(ctx, r, from, to, NSItems, node)
	if err != nil {
		return Items{}, err
	}
	i, err := readItems(raw)
	if err != nil {
		return Items{}, fmt.Errorf("disco: items of %s: %w", to, err)
	}
	return i, nil
}

// request is the query of both requests.
type request struct {
	XMLName xml.Name
	Node    string `xml:"node,attr,omitempty"`
}

// ask returns the query of the answer and the language around it.
func ask(ctx context.Context, r stanza.Requester, from, to jid.JID, space, node string) (stanza.Raw, string, error) {
	iq, err := stanza.NewIQ(stanza.Get, from, to, request{xml.Name{Space: space, Local: "query"}, node})
	if err != nil {
		return nil, "", err
	}
	answer, err := r.Request(ctx, iq)
	if err != nil {
		return nil, "", err
	}
	raw, ok := answer.Payload(space + " query")
	if !ok {
		return nil, "", fmt.Errorf("disco: answer of %s: %w", to, stanza.ErrNoPayload)
	}
	return raw, answer.Lang, nil
}

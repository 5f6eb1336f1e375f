package disco

import (
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
	raw, err := ask(ctx, r, from, to, NSInfo, node)
	if err != nil {
		return Info{}, err
	}
	i, err := readInfo(raw)
	if err != nil {
		return Info{}, fmt.Errorf("disco: info of %s: %w", to, err)
	}
	return i, nil
}

// GetItems asks the address to, on behalf of the local address from, what it has. The
// empty node asks about the address itself. Items whose address is malformed are left
// out. The error is as for [GetInfo].
func GetItems(ctx context.Context, r stanza.Requester, from, to jid.JID, node string) (Items, error) {
	raw, err := ask(ctx, r, from, to, NSItems, node)
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

func ask(ctx context.Context, r stanza.Requester, from, to jid.JID, space, node string) (stanza.Raw, error) {
	iq, err := stanza.NewIQ(stanza.Get, from, to, request{xml.Name{Space: space, Local: "query"}, node})
	if err != nil {
		return nil, err
	}
	answer, err := r.Request(ctx, iq)
	if err != nil {
		return nil, err
	}
	raw, ok := answer.Payload(space + " query")
	if !ok {
		return nil, fmt.Errorf("disco: answer of %s: %w", to, stanza.ErrNoPayload)
	}
	return raw, nil
}

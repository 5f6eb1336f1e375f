package pep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

const (
	maxAge     = 10 * time.Minute // of an answer, unless the caller says
	maxNoneAge = time.Minute      // of one that there is nothing to see
	maxTries   = 3                // to ask for what changes while it is asked for
)

// Fetch is what to fetch, and how fresh it has to be. The zero Fetch is all items,
// as they were within ten minutes.
type Fetch struct {
	// IDs are the items wanted. Nil: those there are.
	IDs []string
	// Max is how many items are wanted, the newest. Zero: all. A server may send
	// more, or fewer.
	Max int
	// MaxAge is how old an answer may be to be given again. Zero: 10 minutes. Negative:
	// it is asked for anew. An answer that there is nothing, or nothing to see, is never
	// given again after more than a minute.
	MaxAge time.Duration
}

// Answer is what was fetched.
type Answer struct {
	// Items are the items in the order in which the server sent them. There may be
	// none: the node exists and is empty, or has none of those asked for.
	Items []Item
	// At is when that was so. Zero: there is no answer.
	At time.Time
}

// Fetch asks for items of a contact's node on behalf of a local user, unless the
// answer is known already. What is known is forgotten when the contact's server
// notifies the user of a change. Of several calls for the same only one asks.
//
// The error is [ErrNone], [ErrNotVisible], or [ErrUnknown], with what the contact's
// server said as a [*stanza.Error] in it, if it did; or [ErrAddress]. With ErrUnknown
// the last answer is returned, if one is known; see its age. Servers differ in what
// they tell users who do not see the contact's presence: of what there is not, some let
// them know as much, others say what ErrNotVisible stands for. The payloads are shared
// with others and must not be changed.
func (s *Service) Fetch(ctx context.Context, user, contact jid.JID, node string, f Fetch) (Answer, error) {
	user, contact, err := pair(user, contact, node)
	if err != nil {
		return Answer{}, err
	}
	where, what := place{user, contact, node}, f.what()
	for try := 0; ; try++ {
		known, out, lead := s.cache.look(where, what, f.MaxAge)
		if !lead && out == nil {
			return Answer{slices.Clone(known.Items), known.At}, known.err
		}
		if !lead {
			select {
			case <-out.done:
			case <-ctx.Done():
				return known.older(fmt.Errorf("%w: %w", ErrUnknown, ctx.Err()))
			}
			if !out.again {
				return Answer{slices.Clone(out.got.Items), out.got.At}, out.got.err
			}
			continue
		}
		got := result{}
		got.Items, got.err = s.ask(ctx, user, contact, node, f)
		got.At = time.Now()
		if errors.Is(got.err, ErrUnknown) {
			got.Answer, got.err = known.older(got.err)
		}
		again := s.cache.settle(where, what, out, got, ctx.Err() != nil, s.limits())
		if again && ctx.Err() == nil && try < maxTries {
			continue
		}
		return Answer{slices.Clone(got.Items), got.At}, got.err
	}
}

// what tells the questions about one node apart.
func (f Fetch) what() string {
	b := strconv.AppendInt(nil, int64(f.Max), 10)
	for _, id := range f.IDs {
		b = append(strconv.AppendQuote(b, id), ',')
	}
	return string(b)
}

// pair checks addresses, and a node, of a question.
func pair(user, contact jid.JID, node string) (jid.JID, jid.JID, error) {
	user, contact = user.Bare(), contact.Bare()
	switch {
	case user.IsZero() || contact.Local() == "":
		return user, contact, fmt.Errorf("%w: user %q, contact %q", ErrAddress, user, contact)
	case node == "":
		return user, contact, fmt.Errorf("%w: no node", ErrAddress)
	}
	return user, contact, nil
}

// ask asks the contact's server.
func (s *Service) ask(ctx context.Context, user, contact jid.JID, node string, f Fetch) ([]Item, error) {
	x := &itemsXML{Node: node}
	if f.Max > 0 {
		x.MaxItems = strconv.Itoa(f.Max)
	}
	for _, id := range f.IDs {
		x.Items = append(x.Items, itemXML{ID: id})
	}
	answer, err := s.pubsub(ctx, stanza.Get, user, contact, pubsubXML{Items: x})
	if err != nil {
		return nil, err
	}
	for name, raw := range answer.Children() {
		a, err := attributesOf(raw)
		if name.Space != NS || name.Local != "items" || err != nil || a.Node != node {
			continue
		}
		items, _ := readItems(raw, NS)
		if f.IDs != nil {
			items = slices.DeleteFunc(items, func(it Item) bool { return !slices.Contains(f.IDs, it.ID) })
		}
		return items, nil
	}
	return nil, fmt.Errorf("%w: an answer without items", ErrUnknown)
}

// Subscribe subscribes a local user to a node of a contact (XEP-0060 section 6.1), so
// that events come although the contact does not see the user's presence; see
// Service.Accept. Some servers accept and notify only those whose presence they have
// all the same. The errors are as for Service.Fetch; a request that the contact has to
// approve is ErrNotVisible.
func (s *Service) Subscribe(ctx context.Context, user, contact jid.JID, node string) error {
	user, contact, err := pair(user, contact, node)
	if err != nil {
		return err
	}
	answer, err := s.pubsub(ctx, stanza.Set, user, contact, pubsubXML{Subscribe: &subscriptionXML{Node: node, JID: user.String()}})
	if err != nil {
		return err
	}
	var x pubsubXML
	if err := answer.Decode(&x); err != nil || x.Subscription == nil {
		return fmt.Errorf("%w: an answer without subscription", ErrUnknown)
	}
	if x.Subscription.Subscription != "subscribed" {
		return fmt.Errorf("%w: subscription %q", ErrNotVisible, x.Subscription.Subscription)
	}
	return nil
}

// Unsubscribe ends what Subscribe began (XEP-0060 section 6.2). It is no error if there
// is no subscription. The errors are as for Service.Fetch.
func (s *Service) Unsubscribe(ctx context.Context, user, contact jid.JID, node string) error {
	user, contact, err := pair(user, contact, node)
	if err != nil {
		return err
	}
	_, err = s.pubsub(ctx, stanza.Set, user, contact, pubsubXML{Unsubscribe: &subscriptionXML{Node: node, JID: user.String()}})
	if errors.Is(err, &stanza.Error{Condition: stanza.UnexpectedRequest}) {
		return nil
	}
	return err
}

// pubsub sends a request. The answer is its pubsub element, nil if there is none.
func (s *Service) pubsub(ctx context.Context, typ stanza.Type, user, contact jid.JID, payload pubsubXML) (stanza.Raw, error) {
	answer, err := s.exchange(ctx, typ, user, contact, payload)
	if err != nil {
		return nil, err
	}
	raw, _ := answer.Payload(NS + " pubsub")
	return raw, nil
}

// Ask sends a get with a payload to a contact's bare address on behalf of a local user, and
// reads the answer's payload into a pointer to a struct, by its XMLName tag as
// [stanza.Stanza.Decode] does. It is for what servers answer for their users in other
// words than nodes, such as vCards, and remembers nothing. The errors are as for Fetch.
func (s *Service) Ask(ctx context.Context, user, contact jid.JID, payload, into any) error {
	user, contact, err := pair(user, contact, "-")
	if err != nil {
		return err
	}
	answer, err := s.exchange(ctx, stanza.Get, user, contact, payload)
	if err != nil {
		return err
	}
	if err := answer.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return nil
}

// exchange sends a request and says what an error means.
func (s *Service) exchange(ctx context.Context, typ stanza.Type, user, contact jid.JID, payload any) (*stanza.Stanza, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(s.Timeout, 30*time.Second))
	defer cancel()
	iq, err := stanza.NewIQ(typ, user, contact, payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	answer, err := s.Out.Request(ctx, iq)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", s.meaning(ctx, user, contact, err), err)
	}
	return answer, nil
}

// meaning is which of the three errors a failed request is.
func (s *Service) meaning(ctx context.Context, user, contact jid.JID, err error) error {
	var se *stanza.Error
	if !errors.As(err, &se) {
		return ErrUnknown
	}
	switch se.Condition {
	case stanza.ItemNotFound, stanza.FeatureNotImplemented:
		return ErrNone
	case stanza.ServiceUnavailable:
		// A server without personal eventing says so, and many a server to those who
		// are not to know that there is such a user.
		v, err := s.view(ctx, user, contact)
		switch {
		case err != nil:
			s.log().Error("answer not understood", "local", user, "remote", contact, "err", err)
			return ErrUnknown
		case v.owner || v.item.Subscription.HasTo():
			return ErrNone
		}
		return ErrNotVisible
	case stanza.Forbidden, stanza.NotAuthorized, stanza.NotAllowed, stanza.RegistrationRequired, stanza.SubscriptionRequired:
		return ErrNotVisible
	}
	return ErrUnknown
}

package pep

import (
	"context"
	"fmt"
	"slices"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Publish publishes an item at a node of a local user, and notifies those who want to
// know. It returns the item as stored.
//
// A node that does not exist is made, with the configuration want; nil is the default.
// A node that exists must be configured so, or Publish changes nothing and returns
// [ErrConfig] (XEP-0060 section 7.1.5); then the host may Configure it. Nil: however it
// is configured.
//
// The other errors are [ErrPayload], [ErrLimit] for an item, configuration or number of
// nodes that is too large, [ErrAddress] for an owner without a local part, and those of
// the Store. A notification that cannot be sent is no error: who missed it gets the
// last item when they come online.
func (s *Service) Publish(ctx context.Context, owner jid.JID, node string, it Item, want *Config) (Item, error) {
	var meets func(Config) Config
	if want != nil {
		meets = func(Config) Config { return want.clone() }
	}
	return s.publish(ctx, owner, node, it, meets)
}

// publish is Publish for a configuration of which only part may be wanted: meets
// returns a configuration with that part put right. Nil: nothing is wanted.
func (s *Service) publish(ctx context.Context, owner jid.JID, node string, it Item, meets func(Config) Config) (Item, error) {
	owner, err := s.checkNode(owner, node)
	if err != nil {
		return Item{}, err
	}
	if it.Payload != nil {
		if it.Payload, err = checkPayload(it.Payload); err != nil {
			return Item{}, err
		}
	}
	if limit := orDefault(s.MaxItem, 131072); len(it.Payload) > limit || len(it.ID) > maxName {
		return Item{}, fmt.Errorf("%w: an item of %d bytes", ErrLimit, len(it.Payload)+len(it.ID))
	}
	if it.ID == "" {
		it.ID = stanza.NewID()
	}
	it.Published = now()

	lock := s.ordered(owner)
	lock.Lock()
	n, err := s.upsert(ctx, owner, node, func(n Node, fresh bool) (Node, error) {
		if meets != nil {
			c := meets(n.Config.clone())
			if err := s.checkConfig(c); err != nil {
				return n, err
			}
			if !fresh && !c.Equal(n.Config) {
				return n, fmt.Errorf("%w: %s", ErrConfig, node)
			}
			if fresh {
				n.Config = c
			}
		}
		if n.Config.Transient {
			return n, nil
		}
		n.Items = slices.DeleteFunc(n.Items, func(old Item) bool { return old.ID == it.ID })
		n.Items = s.trim(append(n.Items, it), n.Config)
		return n, nil
	})
	if err == nil {
		s.enqueue(owner, notice{node: n, event: itemsEvent(n, it)})
	}
	lock.Unlock()
	if err != nil {
		return Item{}, err
	}
	s.drain(ctx, owner)
	return it, nil
}

// now is the time as it is kept.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// checkNode checks the address of a node.
func (s *Service) checkNode(owner jid.JID, node string) (jid.JID, error) {
	owner = owner.Bare()
	switch {
	case owner.Local() == "":
		return owner, fmt.Errorf("%w: owner %q", ErrAddress, owner)
	case node == "" || len(node) > maxName:
		return owner, fmt.Errorf("%w: a node whose name has %d bytes", ErrLimit, len(node))
	}
	return owner, nil
}

func (s *Service) checkConfig(c Config) error {
	switch {
	case c.MaxItems > s.maxItems():
		return fmt.Errorf("%w: %d items in a node", ErrLimit, c.MaxItems)
	case len(c.Groups)+len(c.Allowed) > orDefault(s.MaxSubscribers, 1000):
		return fmt.Errorf("%w: %d groups and addresses of a node", ErrLimit, len(c.Groups)+len(c.Allowed))
	}
	return nil
}

// trim drops the oldest of items that are too many.
func (s *Service) trim(items []Item, c Config) []Item {
	most := c.limit()
	if most == Max {
		most = s.maxItems()
	}
	return items[max(len(items)-most, 0):]
}

// upsert updates a node, and makes it if there is none. The owner's lock is held.
func (s *Service) upsert(ctx context.Context, owner jid.JID, node string, fn func(n Node, fresh bool) (Node, error)) (Node, error) {
	missing, create := false, false
	update := func(n Node) (Node, error) {
		if missing = !n.Exists(); !missing {
			return fn(n, false)
		}
		if !create {
			return n, nil
		}
		n.Created = now()
		return fn(n, true)
	}
	n, err := s.Store.Update(ctx, owner, node, update)
	if err != nil || !missing {
		return n, err
	}
	nodes, err := s.Store.Nodes(ctx, owner)
	if err != nil {
		return Node{}, err
	}
	if len(nodes) >= orDefault(s.MaxNodes, 128) {
		return Node{}, fmt.Errorf("%w: %s has %d nodes", ErrLimit, owner, len(nodes))
	}
	create = true
	return s.Store.Update(ctx, owner, node, update)
}

// Configure changes how a node of a local user behaves, and makes one that does not
// exist. Items that are then too many go, oldest first; nobody is notified. Subscribers
// who may not see the node any more are dropped when the node changes next. The errors
// are [ErrLimit], [ErrAddress] and those of the Store.
func (s *Service) Configure(ctx context.Context, owner jid.JID, node string, c Config) error {
	return s.configure(ctx, owner, node, func(Config) Config { return c.clone() })
}

func (s *Service) configure(ctx context.Context, owner jid.JID, node string, change func(Config) Config) error {
	owner, err := s.checkNode(owner, node)
	if err != nil {
		return err
	}
	lock := s.ordered(owner)
	lock.Lock()
	defer lock.Unlock()
	_, err = s.upsert(ctx, owner, node, func(n Node, _ bool) (Node, error) {
		n.Config = change(n.Config)
		if n.Config.Transient {
			n.Items = nil
		}
		n.Items = s.trim(n.Items, n.Config)
		return n, s.checkConfig(n.Config)
	})
	return err
}

// Retract removes an item from a node of a local user and notifies those who want to
// know (XEP-0060 section 7.2). The error is [ErrNone] if there is no such item, or that
// of the Store.
func (s *Service) Retract(ctx context.Context, owner jid.JID, node, id string) error {
	return s.retract(ctx, owner, node, id, true)
}

func (s *Service) retract(ctx context.Context, owner jid.JID, node, id string, notify bool) error {
	return s.withdraw(ctx, owner, node, func(n Node) (Node, error) {
		before := len(n.Items)
		n.Items = slices.DeleteFunc(n.Items, func(it Item) bool { return it.ID == id })
		if len(n.Items) == before {
			return n, fmt.Errorf("%w: %s in %s", ErrNone, id, node)
		}
		return n, nil
	}, eventXML{Items: &itemsXML{Node: node, Retracts: []retractXML{{id}}}}, notify)
}

// Purge removes all items from a node of a local user and notifies those who want to
// know (XEP-0060 section 8.5). The errors are as for Retract.
func (s *Service) Purge(ctx context.Context, owner jid.JID, node string) error {
	return s.withdraw(ctx, owner, node, func(n Node) (Node, error) {
		n.Items = nil
		return n, nil
	}, eventXML{Purge: &nodeXML{node}}, true)
}

// Delete removes a node of a local user with everything in it and notifies those who
// want to know (XEP-0060 section 8.4). The errors are as for Retract.
func (s *Service) Delete(ctx context.Context, owner jid.JID, node string) error {
	return s.withdraw(ctx, owner, node, func(Node) (Node, error) { return Node{}, nil },
		eventXML{Delete: &nodeXML{node}}, true)
}

// withdraw takes something away from a node and tells those who could see it.
func (s *Service) withdraw(ctx context.Context, owner jid.JID, node string, fn func(Node) (Node, error), ev eventXML, notify bool) error {
	owner, err := s.checkNode(owner, node)
	if err != nil {
		return err
	}
	lock := s.ordered(owner)
	lock.Lock()
	var before Node
	_, err = s.Store.Update(ctx, owner, node, func(n Node) (Node, error) {
		before = n
		if !n.Exists() {
			return n, fmt.Errorf("%w: %s", ErrNone, node)
		}
		before.Subscribers = slices.Clone(n.Subscribers)
		return fn(n)
	})
	if err == nil && notify {
		s.enqueue(owner, notice{node: before, event: ev})
	}
	lock.Unlock()
	if err != nil {
		return err
	}
	s.drain(ctx, owner)
	return nil
}

// Notify sends the last item of a node to all who want to know, as if it had been
// published now. It is for stores whose nodes change in other ways than through the
// Service. The error is [ErrNone] if there is no such node or it is empty, or that of
// the Store.
func (s *Service) Notify(ctx context.Context, owner jid.JID, node string) error {
	owner, err := s.checkNode(owner, node)
	if err != nil {
		return err
	}
	lock := s.ordered(owner)
	lock.Lock()
	n, err := s.Store.Read(ctx, owner, node, Query{Max: 1})
	it, ok := n.last()
	if err == nil && ok {
		s.enqueue(owner, notice{node: n, event: itemsEvent(n, it)})
	}
	lock.Unlock()
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%w: %s", ErrNone, node)
	}
	s.drain(ctx, owner)
	return nil
}

// itemsEvent is the notification of an item.
func itemsEvent(n Node, it Item) eventXML {
	return eventXML{Items: itemsOf(n.Name, []Item{it}, !n.Config.NoPayload)}
}

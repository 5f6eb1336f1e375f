package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
)

// Nodes implements People.
func (s *SQLite) Nodes() pep.Store { return sqliteNodes{s} }

type sqliteNodes struct{ s *SQLite }

// Nodes implements pep.Store.
func (n sqliteNodes) Nodes(ctx context.Context, owner jid.JID) ([]pep.Node, error) {
	rows, err := n.s.db.QueryContext(ctx, `SELECT name, created, config FROM nodes WHERE owner = ?`, owner.String())
	if err != nil {
		return nil, fmt.Errorf("store: nodes: %w", closedOr(err))
	}
	defer rows.Close()
	var all []pep.Node
	for rows.Next() {
		var node pep.Node
		if err := scanNode(&node, rows.Scan, &node.Name); err != nil {
			return nil, fmt.Errorf("store: nodes of %s: %w", owner, err)
		}
		all = append(all, node)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: nodes: %w", err)
	}
	return all, nil
}

// scanNode reads the columns given, then created and config.
func scanNode(n *pep.Node, scan func(...any) error, columns ...any) error {
	var created int64
	var config string
	if err := scan(append(columns, &created, &config)...); err != nil {
		return err
	}
	n.Created = time.UnixMilli(created).UTC()
	return json.Unmarshal([]byte(config), &n.Config)
}

// loadNode reads a node without its items.
func loadNode(ctx context.Context, tx *sql.Tx, owner jid.JID, name string) (pep.Node, error) {
	n, subscribers := pep.Node{Name: name}, ""
	row := tx.QueryRowContext(ctx, `SELECT subscribers, created, config FROM nodes WHERE owner = ? AND name = ?`, owner.String(), name)
	err := scanNode(&n, row.Scan, &subscribers)
	if errors.Is(err, sql.ErrNoRows) {
		return n, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(subscribers), &n.Subscribers)
	}
	return n, err
}

// Read implements pep.Store.
func (n sqliteNodes) Read(ctx context.Context, owner jid.JID, name string, q pep.Query) (pep.Node, error) {
	tx, err := n.s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state, and no lock
	if err != nil {
		return pep.Node{}, fmt.Errorf("store: node: %w", closedOr(err))
	}
	defer tx.Rollback()
	node, err := loadNode(ctx, tx, owner, name)
	if err == nil {
		node.Items, err = pick(ctx, tx, owner, name, q)
	}
	if err != nil {
		return pep.Node{}, fmt.Errorf("store: node %q of %s: %w", name, owner, err)
	}
	return node, nil
}

// pick reads the items that q picks, and no payload of any other.
func pick(ctx context.Context, tx *sql.Tx, owner jid.JID, node string, q pep.Query) ([]pep.Item, error) {
	sizes, err := tx.QueryContext(ctx, `SELECT id, ifnull(length(payload), 0) FROM items WHERE owner = ? AND node = ? ORDER BY position DESC`, owner.String(), node)
	if err != nil {
		return nil, err
	}
	defer sizes.Close()
	var ids []string
	bytes := 0
	for sizes.Next() && len(ids) < q.Max {
		var id string
		var size int
		if err := sizes.Scan(&id, &size); err != nil {
			return nil, err
		}
		if q.IDs != nil && !slices.Contains(q.IDs, id) {
			continue
		}
		if bytes += size; q.Bytes > 0 && bytes > q.Bytes && len(ids) > 0 {
			break
		}
		ids = append(ids, id)
	}
	if err := sizes.Err(); err != nil {
		return nil, err
	}
	var items []pep.Item
	for _, id := range slices.Backward(ids) {
		it, published := pep.Item{ID: id}, int64(0)
		err := tx.QueryRowContext(ctx, `SELECT published, payload FROM items WHERE owner = ? AND node = ? AND id = ?`, owner.String(), node, id).
			Scan(&published, (*[]byte)(&it.Payload))
		if err != nil {
			return nil, err
		}
		it.Published = time.UnixMilli(published).UTC()
		items = append(items, it)
	}
	return items, nil
}

// Update implements pep.Store.
func (n sqliteNodes) Update(ctx context.Context, owner jid.JID, name string, fn func(pep.Node) (pep.Node, error)) (pep.Node, error) {
	var stored pep.Node
	err := n.s.change(ctx, func(tx *sql.Tx) error {
		old, err := loadNode(ctx, tx, owner, name)
		if err != nil {
			return err
		}
		positions, err := loadHeads(ctx, tx, owner, &old)
		if err != nil {
			return err
		}
		node, err := fn(old)
		if err != nil {
			return &callerError{err}
		}
		if !node.Exists() {
			stored = pep.Node{Name: name}
			return deleteNode(ctx, tx, owner, name)
		}
		node.Name = name
		if err := saveNode(ctx, tx, owner, node); err != nil {
			return err
		}
		if err := saveItems(ctx, tx, owner, node, positions); err != nil {
			return err
		}
		stored, err = loadNode(ctx, tx, owner, name)
		if err == nil {
			_, err = loadHeads(ctx, tx, owner, &stored)
		}
		return err
	})
	if err != nil {
		return pep.Node{}, err
	}
	return stored, nil
}

// loadHeads reads the items of a node without their payloads, and returns their
// positions.
func loadHeads(ctx context.Context, tx *sql.Tx, owner jid.JID, n *pep.Node) (map[string]int64, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, position, published FROM items WHERE owner = ? AND node = ? ORDER BY position`, owner.String(), n.Name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	positions := make(map[string]int64)
	for rows.Next() {
		var it pep.Item
		var position, published int64
		if err := rows.Scan(&it.ID, &position, &published); err != nil {
			return nil, err
		}
		it.Published = time.UnixMilli(published).UTC()
		n.Items = append(n.Items, it)
		positions[it.ID] = position
	}
	return positions, rows.Err()
}

func deleteNode(ctx context.Context, tx *sql.Tx, owner jid.JID, name string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM items WHERE owner = ? AND node = ?`, owner.String(), name)
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM nodes WHERE owner = ? AND name = ?`, owner.String(), name)
	}
	return err
}

// saveNode writes a node without its items.
func saveNode(ctx context.Context, tx *sql.Tx, owner jid.JID, n pep.Node) error {
	config, err := json.Marshal(n.Config)
	if err != nil {
		return err
	}
	subscribers, err := json.Marshal(n.Subscribers)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO nodes (owner, name, created, config, subscribers) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT DO UPDATE SET created = ?3, config = ?4, subscribers = ?5`,
		owner.String(), n.Name, n.Created.UnixMilli(), string(config), string(subscribers))
	return err
}

// saveItems makes a node's items those of n: positions are of what it had before, where
// they stay unless the order has changed, and so does a payload that is not given.
func saveItems(ctx context.Context, tx *sql.Tx, owner jid.JID, n pep.Node, positions map[string]int64) error {
	last := int64(-1)
	for _, it := range n.Items {
		position, ok := positions[it.ID]
		if !ok || position <= last {
			position = last + 1
		}
		delete(positions, it.ID)
		last = position
		_, err := tx.ExecContext(ctx, `INSERT INTO items (owner, node, id, position, published, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
			ON CONFLICT DO UPDATE SET position = ?4, published = ?5, payload = ifnull(?6, payload)
			WHERE position <> ?4 OR published <> ?5 OR ?6 IS NOT NULL`,
			owner.String(), n.Name, it.ID, position, it.Published.UnixMilli(), []byte(it.Payload))
		if err != nil {
			return err
		}
	}
	for id := range positions {
		if _, err := tx.ExecContext(ctx, `DELETE FROM items WHERE owner = ? AND node = ? AND id = ?`, owner.String(), n.Name, id); err != nil {
			return err
		}
	}
	return nil
}

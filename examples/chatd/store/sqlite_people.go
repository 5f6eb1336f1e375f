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
	"isthmus.im/roster"
)

// Contacts implements People.
func (s *SQLite) Contacts() roster.Store { return sqliteContacts{s} }

type sqliteContacts struct{ s *SQLite }

// Items implements roster.Store.
func (c sqliteContacts) Items(ctx context.Context, user jid.JID) ([]roster.Item, error) {
	rows, err := c.s.db.QueryContext(ctx, `SELECT item FROM contacts WHERE user = ?`, user.String())
	if err != nil {
		return nil, fmt.Errorf("store: contacts: %w", closedOr(err))
	}
	defer rows.Close()
	var items []roster.Item
	for rows.Next() {
		var text string
		var it roster.Item
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("store: contacts: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &it); err != nil {
			return nil, fmt.Errorf("store: contacts of %s: %w", user, err)
		}
		items = append(items, it)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: contacts: %w", err)
	}
	return items, nil
}

// Update implements roster.Store.
func (c sqliteContacts) Update(ctx context.Context, user, contact jid.JID, fn func(roster.Item) (roster.Item, error)) (roster.Item, error) {
	var stored roster.Item
	err := c.s.change(ctx, func(tx *sql.Tx) error {
		old, text := roster.Item{Contact: contact}, ""
		err := tx.QueryRowContext(ctx, `SELECT item FROM contacts WHERE user = ? AND contact = ?`, user.String(), contact.String()).Scan(&text)
		if err == nil {
			err = json.Unmarshal([]byte(text), &old)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		it, err := fn(old)
		if err != nil {
			return &callerError{err}
		}
		it.Contact = contact
		if it.IsZero() {
			stored = roster.Item{Contact: contact}
			_, err = tx.ExecContext(ctx, `DELETE FROM contacts WHERE user = ? AND contact = ?`, user.String(), contact.String())
			return err
		}
		stored = it
		stored.Groups = slices.Clone(it.Groups)
		b, err := json.Marshal(it)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO contacts (user, contact, item) VALUES (?1, ?2, ?3)
			ON CONFLICT DO UPDATE SET item = ?3`, user.String(), contact.String(), string(b))
		return err
	})
	if err != nil {
		return roster.Item{}, err
	}
	return stored, nil
}

// callerError is the error of a function that a caller passed in.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }

// change runs fn in a transaction that nobody else writes beside. It waits for its turn
// here rather than in SQLite, which lets one wait for longer than its busy_timeout while
// others come and go, and on a connection that readers could use.
func (s *SQLite) change(ctx context.Context, fn func(*sql.Tx) error) error {
	select {
	case s.changing <- struct{}{}:
		defer func() { <-s.changing }()
	case <-ctx.Done():
		return fmt.Errorf("store: %w", ctx.Err())
	}
	tx, err := s.db.BeginTx(ctx, nil) // immediate, see OpenSQLite
	if err != nil {
		return fmt.Errorf("store: %w", closedOr(err))
	}
	defer tx.Rollback() // what is left when fn fails or panics
	if err := fn(tx); err != nil {
		var caller *callerError
		if errors.As(err, &caller) {
			return caller.err
		}
		return fmt.Errorf("store: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Blocked implements People.
func (s *SQLite) Blocked(ctx context.Context, user jid.JID) ([]jid.JID, error) {
	row, err := s.find(ctx, user)
	if err == ErrNoUser {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT address FROM blocked WHERE user_id = ?`, row.id)
	if err != nil {
		return nil, fmt.Errorf("store: blocked: %w", closedOr(err))
	}
	defer rows.Close()
	var list []jid.JID
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("store: blocked: %w", err)
		}
		j, err := jid.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("store: blocked: %w", err)
		}
		list = append(list, j)
	}
	return list, rows.Err()
}

// SetBlocked implements People.
func (s *SQLite) SetBlocked(ctx context.Context, user jid.JID, blocked bool, addresses ...jid.JID) error {
	row, err := s.find(ctx, user)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		statement := `DELETE FROM blocked WHERE user_id = ? AND address = ?`
		if blocked {
			statement = `INSERT INTO blocked (user_id, address) VALUES (?, ?) ON CONFLICT DO NOTHING`
		}
		for _, a := range addresses {
			if _, err := tx.ExecContext(ctx, statement, row.id, a.String()); err != nil {
				return err
			}
		}
		return nil
	})
}

// UserProfile implements People.
func (s *SQLite) UserProfile(ctx context.Context, user jid.JID) (Profile, error) {
	row, err := s.find(ctx, user)
	if err == ErrNoUser {
		return Profile{}, nil
	}
	if err != nil {
		return Profile{}, err
	}
	var p Profile
	var changed int64
	err = s.db.QueryRowContext(ctx, `SELECT name, nick, avatar_type, avatar, changed FROM profiles WHERE user_id = ?`, row.id).
		Scan(&p.Name, &p.Nick, &p.AvatarType, &p.Avatar, &changed)
	if errors.Is(err, sql.ErrNoRows) {
		return Profile{}, nil
	}
	if err != nil {
		return Profile{}, fmt.Errorf("store: profile: %w", closedOr(err))
	}
	p.Changed = time.UnixMilli(changed).UTC()
	return p, nil
}

// SetUserProfile implements People.
func (s *SQLite) SetUserProfile(ctx context.Context, user jid.JID, p Profile) error {
	row, err := s.find(ctx, user)
	if err != nil {
		return err
	}
	if p.Avatar == nil {
		p.Avatar = []byte{} // not NULL
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO profiles (user_id, name, nick, avatar_type, avatar, changed)
			VALUES (?, ?, ?, ?, ?, ?)`, row.id, p.Name, p.Nick, p.AvatarType, p.Avatar, p.Changed.UnixMilli())
		return err
	})
}

// SetPresence implements People.
func (s *SQLite) SetPresence(ctx context.Context, user jid.JID, p Presence) error {
	row, err := s.find(ctx, user)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		if !p.Available {
			_, err := tx.ExecContext(ctx, `DELETE FROM online WHERE user_id = ?`, row.id)
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO online (user_id, show, status) VALUES (?, ?, ?)`, row.id, p.Show, p.Status)
		return err
	})
}

// Online implements People.
func (s *SQLite) Online(ctx context.Context) (map[jid.JID]Presence, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT address, show, status FROM online JOIN users ON users.id = user_id`)
	if err != nil {
		return nil, fmt.Errorf("store: online: %w", closedOr(err))
	}
	defer rows.Close()
	all := make(map[jid.JID]Presence)
	for rows.Next() {
		p, address := Presence{Available: true}, ""
		if err := rows.Scan(&address, &p.Show, &p.Status); err != nil {
			return nil, fmt.Errorf("store: online: %w", err)
		}
		user, err := jid.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("store: online: %w", err)
		}
		all[user] = p
	}
	return all, rows.Err()
}

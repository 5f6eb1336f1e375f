package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", pure Go

	"isthmus.im/jid"
)

// The versions of the database (PRAGMA user_version): each file leads from the
// one before to the next.
var (
	//go:embed schema.sql
	schema1 string
	//go:embed people.sql
	schema2 string
	//go:embed nodes.sql
	schema3 string
)

// SQLite is a Store in one file. Make one with OpenSQLite.
//
// Readers use connections of their own and never wait for the writer. All
// events pass through one writer, which puts those that wait at the same time
// into one transaction (see writer.go).
type SQLite struct {
	hub    hub
	db     *sql.DB // readers, and AddUser
	writer *writer

	changing chan struct{} // has something while a change runs

	mu    sync.RWMutex
	users map[jid.JID]userRow // a bounded cache; users are never removed
}

type userRow struct {
	id      int64
	address jid.JID
}

// maxCachedUsers bounds the cache of SQLite.users: about 2 MiB.
const maxCachedUsers = 10_000

// OpenSQLite opens the file at path, and makes it and its tables when they are
// missing. Nobody but its owner may read a file that it makes.
func OpenSQLite(path string) (*SQLite, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite would ask for 0644
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	dsn := url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: url.Values{
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)", "foreign_keys(ON)"},
		"_txlock": {"immediate"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	if err := migrate(db, schema1, schema2, schema3); err != nil {
		db.Close()
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	w, err := newWriter(db)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	return &SQLite{db: db, writer: w, changing: make(chan struct{}, 1), users: make(map[jid.JID]userRow)}, nil
}

// migrate brings a database to the last version.
func migrate(db *sql.DB, versions ...string) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version int
	if err := tx.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if version > len(versions) {
		return fmt.Errorf("made by a later program: version %d", version)
	}
	for ; version < len(versions); version++ {
		if _, err := tx.Exec(versions[version]); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, version)); err != nil {
		return err
	}
	return tx.Commit()
}

// AddUser implements Store.
func (s *SQLite) AddUser(ctx context.Context, user jid.JID, token TokenHash) error {
	user = user.Bare()
	res, err := s.db.ExecContext(ctx, `INSERT INTO users (address, peer_key, token_hash, created)
		VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		user.String(), user.LegacyKey(), token[:], time.Now().UnixMilli())
	if err != nil {
		return fmt.Errorf("store: add user: %w", closedOr(err))
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return ErrExists
	}
	return nil
}

// find returns the row of addr, or ErrNoUser.
func (s *SQLite) find(ctx context.Context, addr jid.JID) (userRow, error) {
	addr = addr.Bare()
	s.mu.RLock()
	row, ok := s.users[addr]
	s.mu.RUnlock()
	if ok {
		return row, nil
	}
	var address string
	err := s.db.QueryRowContext(ctx, `SELECT id, address FROM users WHERE address = ?1 OR peer_key = ?2
		ORDER BY address = ?1 DESC LIMIT 1`, addr.String(), addr.LegacyKey()).Scan(&row.id, &address)
	if errors.Is(err, sql.ErrNoRows) {
		return row, ErrNoUser
	}
	if err == nil {
		row.address, err = jid.Parse(address)
	}
	if err != nil {
		return row, fmt.Errorf("store: find user: %w", closedOr(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users) >= maxCachedUsers {
		clear(s.users)
	}
	s.users[addr] = row
	return row, nil
}

// UserExists implements Store.
func (s *SQLite) UserExists(ctx context.Context, addr jid.JID) (bool, error) {
	_, err := s.find(ctx, addr)
	if err == ErrNoUser {
		return false, nil
	}
	return err == nil, err
}

// UserByToken implements Store.
func (s *SQLite) UserByToken(ctx context.Context, token TokenHash) (jid.JID, error) {
	var address string
	var kept []byte
	err := s.db.QueryRowContext(ctx, `SELECT address, token_hash FROM users WHERE token_hash = ?`, token[:]).
		Scan(&address, &kept)
	if errors.Is(err, sql.ErrNoRows) {
		return jid.JID{}, ErrNoUser
	}
	if err != nil {
		return jid.JID{}, fmt.Errorf("store: find token: %w", closedOr(err))
	}
	if subtle.ConstantTimeCompare(kept, token[:]) != 1 {
		return jid.JID{}, ErrNoUser
	}
	return jid.Parse(address)
}

// Append implements Store. It returns when the event is on the disk.
func (s *SQLite) Append(ctx context.Context, addr jid.JID, e Event) (int64, error) {
	row, err := s.find(ctx, addr)
	if err != nil {
		return 0, err
	}
	id, err := s.writer.append(ctx, row.id, e)
	if err == nil {
		s.hub.wake(row.address)
	}
	return id, err
}

// Events implements Store.
func (s *SQLite) Events(ctx context.Context, user jid.JID, after int64, limit int) ([]Event, error) {
	row, err := s.find(ctx, user)
	if err == ErrNoUser {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT id, type, sender, recipient, body, stanza_id, in_reply_to, condition, text, detail, at
		FROM events WHERE user_id = ? AND id > ? ORDER BY id LIMIT ?`, row.id, after, limit)
	if err != nil {
		return nil, fmt.Errorf("store: read events: %w", closedOr(err))
	}
	defer rows.Close()
	var out []Event
	for rows.Next() {
		var e Event
		var at int64
		if err := rows.Scan(&e.ID, &e.Type, &e.From, &e.To, &e.Body, &e.StanzaID,
			&e.InReplyTo, &e.Condition, &e.Text, &e.Detail, &at); err != nil {
			return nil, fmt.Errorf("store: read events: %w", err)
		}
		e.At = time.UnixMicro(at).UTC()
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: read events: %w", err)
	}
	return out, nil
}

// Watch implements Store.
func (s *SQLite) Watch(user jid.JID) (<-chan struct{}, func()) {
	return s.hub.watch(user.Bare())
}

// Close implements Store. Events that wait for the writer are written first.
func (s *SQLite) Close() error {
	return errors.Join(s.writer.close(), s.db.Close())
}

// closedOr turns database/sql's nameless "database is closed" into ErrClosed.
func closedOr(err error) error {
	if err != nil && err.Error() == "sql: database is closed" {
		return ErrClosed
	}
	return err
}

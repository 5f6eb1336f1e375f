package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// maxBatch is how many events share a transaction at most. It also bounds how
// many wait for the next one; further callers wait in line.
const maxBatch = 512

// writer appends events to the database, one transaction at a time. Whoever
// calls append while a transaction is being committed becomes part of the next
// one, so the disk is asked to settle once per batch and not once per event
// ("group commit"), and a lone caller waits for nobody.
type writer struct {
	conn *sql.Conn
	in   chan *entry
	quit chan struct{}
	done chan struct{}
	once sync.Once

	insert *sql.Stmt
}

type entry struct {
	user int64
	ev   Event
	id   int64
	err  error
	done chan struct{}
}

func newWriter(db *sql.DB) (*writer, error) {
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, in: make(chan *entry, maxBatch), quit: make(chan struct{}), done: make(chan struct{})}
	w.insert, err = conn.PrepareContext(ctx, `INSERT INTO events
		(user_id, id, type, sender, recipient, body, stanza_id, in_reply_to, condition, text, detail, at)
		SELECT ?1, coalesce(max(id), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM events WHERE user_id = ?1
		RETURNING id`)
	if err != nil {
		conn.Close()
		return nil, err
	}
	go w.run()
	return w, nil
}

// append returns when e is on the disk. Once the writer has taken e it is
// written even when ctx ends meanwhile.
func (w *writer) append(ctx context.Context, user int64, e Event) (int64, error) {
	en := &entry{user: user, ev: e, done: make(chan struct{})}
	select {
	case w.in <- en:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-w.quit:
		return 0, ErrClosed
	}
	select {
	case <-en.done:
		return en.id, en.err
	case <-w.done:
	}
	select {
	case <-en.done: // the last batch had it
		return en.id, en.err
	default:
		return 0, ErrClosed
	}
}

func (w *writer) run() {
	defer close(w.done)
	batch := make([]*entry, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case en := <-w.in:
			batch = append(batch, en)
		case <-w.quit:
		}
		batch = w.fill(batch)
		if len(batch) == 0 {
			return
		}
		w.write(batch)
	}
}

// fill adds what waits already.
func (w *writer) fill(batch []*entry) []*entry {
	for len(batch) < maxBatch {
		select {
		case en := <-w.in:
			batch = append(batch, en)
		default:
			return batch
		}
	}
	return batch
}

// write commits batch, and tells each caller how it went.
func (w *writer) write(batch []*entry) {
	err := w.commit(batch)
	for _, en := range batch {
		if err != nil {
			en.id, en.err = 0, fmt.Errorf("store: append: %w", err)
		}
		close(en.done)
	}
}

func (w *writer) commit(batch []*entry) error {
	ctx := context.Background()
	tx, err := w.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	insert := tx.StmtContext(ctx, w.insert)
	for _, en := range batch {
		e := &en.ev
		err := insert.QueryRowContext(ctx, en.user, e.Type, e.From, e.To, e.Body, e.StanzaID,
			e.InReplyTo, e.Condition, e.Text, e.Detail, e.At.UnixMicro()).Scan(&en.id)
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// close writes what waits and ends the writer.
func (w *writer) close() error {
	w.once.Do(func() { close(w.quit) })
	<-w.done
	return errors.Join(w.insert.Close(), w.conn.Close())
}

package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
)

const (
	pageSize    = 256 // events read from the store, and written, at once
	maxWatchers = 16  // open event streams of one user
)

func (a *API) getEvents(w http.ResponseWriter, r *http.Request) {
	user, ok := a.asUser(w, r)
	if !ok {
		return
	}
	query := r.URL.Query()
	after, err := position(query.Get("after"))
	if last := r.Header.Get("Last-Event-ID"); err == nil && last != "" {
		after, err = position(last) // newer than the URL: a client that reconnects repeats that
	}
	if err != nil {
		a.fail(w, r, http.StatusBadRequest, "after and Last-Event-ID are ids of events")
		return
	}
	switch query.Get("wait") {
	case "0":
		a.listEvents(w, r, user, after)
	case "", "1":
		a.streamEvents(w, r, user, after)
	default:
		a.fail(w, r, http.StatusBadRequest, "wait is 0 or 1")
	}
}

func position(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

// listEvents writes what there is as one JSON array, a page at a time.
func (a *API) listEvents(w http.ResponseWriter, r *http.Request, user jid.JID, after int64) {
	events, err := a.cfg.Store.Events(r.Context(), user, after, pageSize)
	if err != nil {
		a.broken(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	rc := http.NewResponseController(w)
	buf := []byte{'['}
	for first := true; len(events) > 0; {
		for i := range events {
			if !first {
				buf = append(buf, ",\n"...)
			}
			first = false
			buf = appendJSON(buf, &events[i])
		}
		rc.SetWriteDeadline(time.Now().Add(a.cfg.Stall))
		if _, err := w.Write(buf); err != nil {
			return
		}
		buf = buf[:0]
		events, err = a.cfg.Store.Events(r.Context(), user, events[len(events)-1].ID, pageSize)
		if err != nil {
			a.cfg.Logger.Error("http request failed", "path", r.URL.Path, "err", err)
			panic(http.ErrAbortHandler) // the client must not take half an array for all of it
		}
	}
	w.Write(append(buf, "]\n"...))
}

// streamEvents writes what there is and then what comes, until the client goes
// away, takes too long to read, or the service ends.
func (a *API) streamEvents(w http.ResponseWriter, r *http.Request, user jid.JID, after int64) {
	if !a.enter(user) {
		a.fail(w, r, http.StatusTooManyRequests, "too many event streams are open")
		return
	}
	defer a.leave(user)
	wake, stop := a.cfg.Store.Watch(user)
	defer stop()
	heartbeat := time.NewTicker(a.cfg.Heartbeat)
	defer heartbeat.Stop()

	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Time{}) // the server's is for requests that end
	buf := []byte("retry: 2000\n\n")
	for {
		events, err := a.cfg.Store.Events(r.Context(), user, after, pageSize)
		if err != nil {
			if r.Context().Err() == nil {
				a.cfg.Logger.Error("event stream ended", "path", r.URL.Path, "err", err)
			}
			return
		}
		for i := range events {
			after = events[i].ID
			buf = append(buf, "id: "...)
			buf = strconv.AppendInt(buf, after, 10)
			buf = append(buf, "\ndata: "...)
			buf = appendJSON(buf, &events[i])
			buf = append(buf, "\n\n"...)
		}
		if len(buf) > 0 {
			rc.SetWriteDeadline(time.Now().Add(a.cfg.Stall))
			if _, err := w.Write(buf); err != nil {
				return
			}
			if rc.Flush() != nil {
				return
			}
			buf = buf[:0]
		}
		if len(events) == pageSize {
			continue
		}
		select {
		case <-wake:
		case <-heartbeat.C:
			buf = append(buf, ":\n\n"...)
		case <-r.Context().Done():
			return
		case <-a.drained:
			return
		}
	}
}

// enter counts an event stream of user in, unless there are too many.
func (a *API) enter(user jid.JID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watchers[user] >= maxWatchers {
		return false
	}
	a.watchers[user]++
	return true
}

func (a *API) leave(user jid.JID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watchers[user]--; a.watchers[user] == 0 {
		delete(a.watchers, user)
	}
}

// messageEvent and errorEvent are what clients see of an event.
type messageEvent struct {
	ID       int64     `json:"id"`
	Type     string    `json:"type"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Body     string    `json:"body"`
	StanzaID string    `json:"stanza_id"`
	At       time.Time `json:"at"`
}

type errorEvent struct {
	ID        int64     `json:"id"`
	Type      string    `json:"type"`
	InReplyTo string    `json:"in_reply_to"`
	Condition string    `json:"condition"`
	Text      string    `json:"text"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	At        time.Time `json:"at"`
}

type receiptEvent struct {
	ID        int64     `json:"id"`
	Type      string    `json:"type"`
	InReplyTo string    `json:"in_reply_to"`
	From      string    `json:"from"`
	At        time.Time `json:"at"`
}

type correctionEvent struct {
	messageEvent
	Replaces string `json:"replaces"`
}

type requestEvent struct {
	ID   int64     `json:"id"`
	Type string    `json:"type"`
	From string    `json:"from"`
	Nick string    `json:"nick"`
	At   time.Time `json:"at"`
}

type presenceEvent struct {
	ID     int64     `json:"id"`
	Type   string    `json:"type"`
	From   string    `json:"from"`
	Show   string    `json:"show"`
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

type contactEvent struct {
	ID      int64           `json:"id"`
	Type    string          `json:"type"`
	Contact json.RawMessage `json:"contact"`
	At      time.Time       `json:"at"`
}

// appendJSON appends e on one line. Strings, numbers and this century's times
// always have a JSON form.
func appendJSON(b []byte, e *store.Event) []byte {
	var v any
	message := messageEvent{e.ID, e.Type, e.From, e.To, e.Body, e.StanzaID, e.At}
	switch e.Type {
	case store.TypeError:
		v = errorEvent{e.ID, e.Type, e.InReplyTo, e.Condition, e.Text, e.From, e.To, e.At}
	case store.TypeReceipt:
		v = receiptEvent{e.ID, e.Type, e.InReplyTo, e.From, e.At}
	case store.TypeCorrection:
		v = correctionEvent{message, e.InReplyTo}
	case store.TypeRequest:
		v = requestEvent{e.ID, e.Type, e.From, e.Text, e.At}
	case store.TypePresence:
		v = presenceEvent{e.ID, e.Type, e.From, e.Condition, e.Text, e.At}
	case store.TypeContact:
		v = contactEvent{e.ID, e.Type, json.RawMessage(e.Detail), e.At}
	default:
		v = message
	}
	j, _ := json.Marshal(v)
	return append(b, j...)
}

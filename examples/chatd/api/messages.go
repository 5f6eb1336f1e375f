package api

import (
	"errors"
	"net/http"
	"strings"

	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/stanza"
	"isthmus.im/stanza/payload"
)

func (a *API) postMessage(w http.ResponseWriter, r *http.Request) {
	user, ok := a.asUser(w, r)
	if !ok {
		return
	}
	var req struct {
		To       string `json:"to"`
		Body     string `json:"body"`
		Replaces string `json:"replaces"` // the id of the message that this one corrects
		Receipt  bool   `json:"receipt"`  // tell when it has arrived
	}
	if !a.decode(w, r, &req) {
		return
	}
	// ParseLegacy, for whoever wrote from an older address must be answerable.
	to, _, err := jid.ParseLegacy(req.To)
	switch {
	case err != nil:
		a.fail(w, r, http.StatusBadRequest, "bad address: "+reason(err))
		return
	case req.Body == "":
		a.fail(w, r, http.StatusBadRequest, "the body is empty")
		return
	case len(req.Body) > maxText:
		a.fail(w, r, http.StatusRequestEntityTooLarge, "the body is too large")
		return
	case strings.ContainsFunc(req.Body, notXML):
		a.fail(w, r, http.StatusBadRequest, "the body has characters that XMPP cannot carry")
		return
	}
	msg := stanza.Text(user, to, req.Body)
	if req.Replaces != "" {
		if !a.fits(w, r, req.Replaces) {
			return
		}
		if err := payload.Correct(msg, req.Replaces); err != nil {
			a.broken(w, r, err)
			return
		}
	}
	if req.Receipt {
		if err := payload.RequestReceipt(msg); err != nil {
			a.broken(w, r, err)
			return
		}
	}
	err = a.cfg.Sender.Send(r.Context(), msg)
	if errors.Is(err, gate.ErrBlocked) {
		a.fail(w, r, http.StatusConflict, "you have blocked this address")
		return
	}
	if err != nil {
		// Only a message that cannot be queued fails here; one that cannot be
		// delivered comes back as an event.
		a.cfg.Logger.Warn("message refused", "remote", to.Domain(), "err", err)
		w.Header().Set("Retry-After", "5")
		a.fail(w, r, http.StatusServiceUnavailable, "the message cannot be taken now")
		return
	}
	a.reply(w, r, http.StatusAccepted, map[string]string{"id": msg.ID})
}

// notXML reports whether XML 1.0 has no way to write c (section 2.2).
func notXML(c rune) bool {
	return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF
}

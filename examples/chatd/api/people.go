package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/presence/gate"
)

// People is what users can do about others, and what others see of them.
type People interface {
	// AddContact asks somebody for their presence and keeps them, with a name of
	// the user's choice, in the contact list.
	AddContact(ctx context.Context, user, contact jid.JID, name string) error
	RemoveContact(ctx context.Context, user, contact jid.JID) error
	Contacts(ctx context.Context, user jid.JID) ([]Contact, error)
	// Answer answers somebody's request to see the user's presence. ErrNoRequest: there
	// is none.
	Answer(ctx context.Context, user, contact jid.JID, accept bool) error
	SetBlocked(ctx context.Context, user, address jid.JID, blocked bool) error
	SetPresence(ctx context.Context, user jid.JID, p store.Presence) error
	UserProfile(ctx context.Context, user jid.JID) (store.Profile, error)
	SetProfile(ctx context.Context, user jid.JID, p store.Profile) error
	// Avatar asks for a contact's image; no data: there is none.
	Avatar(ctx context.Context, user, contact jid.JID) (typ string, data []byte, err error)
}

// ErrNoRequest is returned by People.Answer when nobody has asked.
var ErrNoRequest = errors.New("api: no such request")

// Contact is somebody in a contact list.
type Contact struct {
	Address      string   `json:"address"`
	Name         string   `json:"name,omitempty"`
	Groups       []string `json:"groups,omitempty"`
	Subscription string   `json:"subscription"`      // who sees whom: "none", "to", "from" or "both"
	Asked        bool     `json:"asked,omitempty"`   // the user has asked, and there is no answer
	Request      bool     `json:"request,omitempty"` // they have asked
	Removed      bool     `json:"removed,omitempty"`
}

const (
	maxName   = 1023     // bytes of a name or status
	maxAvatar = 64 << 10 // bytes of an avatar
)

func (a *API) routePeople() {
	a.route("GET", "/v1/users/{name}/contacts", a.getContacts)
	a.routes("/v1/users/{name}/contacts/{address}", map[string]http.HandlerFunc{"PUT": a.putContact, "DELETE": a.deleteContact})
	a.route("GET", "/v1/users/{name}/contacts/{address}/avatar", a.getAvatar)
	a.route("POST", "/v1/users/{name}/requests/{address}", a.postAnswer)
	a.routes("/v1/users/{name}/blocked/{address}", map[string]http.HandlerFunc{"PUT": a.putBlocked(true), "DELETE": a.putBlocked(false)})
	a.route("PUT", "/v1/users/{name}/presence", a.putPresence)
	a.routes("/v1/users/{name}/profile", map[string]http.HandlerFunc{"PUT": a.putProfile, "GET": a.getProfile})
}

// asUserAbout returns the user who calls and the address of whom the path is
// about, and answers the request if it cannot.
func (a *API) asUserAbout(w http.ResponseWriter, r *http.Request) (user, address jid.JID, ok bool) {
	if user, ok = a.asUser(w, r); !ok {
		return user, address, false
	}
	address, _, err := jid.ParseLegacy(r.PathValue("address"))
	if err != nil {
		a.fail(w, r, http.StatusBadRequest, "bad address: "+reason(err))
		return user, address, false
	}
	return user, address.Bare(), true
}

// asUserOf is asUserAbout for what nobody has with themselves.
func (a *API) asUserOf(w http.ResponseWriter, r *http.Request) (user, contact jid.JID, ok bool) {
	if user, contact, ok = a.asUserAbout(w, r); ok && contact == user {
		a.fail(w, r, http.StatusBadRequest, "that is you")
		return user, contact, false
	}
	return user, contact, ok
}

// done answers a request that has nothing to tell.
func (a *API) done(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, ErrNoRequest):
		a.fail(w, r, http.StatusNotFound, "they have not asked")
	case errors.Is(err, gate.ErrBlocked):
		a.fail(w, r, http.StatusConflict, "you have blocked this address")
	default:
		a.broken(w, r, err)
	}
}

func (a *API) getContacts(w http.ResponseWriter, r *http.Request) {
	user, ok := a.asUser(w, r)
	if !ok {
		return
	}
	list, err := a.cfg.People.Contacts(r.Context(), user)
	if err != nil {
		a.broken(w, r, err)
		return
	}
	slices.SortFunc(list, func(x, y Contact) int { return strings.Compare(x.Address, y.Address) })
	a.reply(w, r, http.StatusOK, list)
}

func (a *API) putContact(w http.ResponseWriter, r *http.Request) {
	user, contact, ok := a.asUserOf(w, r)
	if !ok {
		return
	}
	var req struct {
		Name string `json:"name"`
	}
	if !a.decode(w, r, &req) || !a.fits(w, r, req.Name) {
		return
	}
	a.done(w, r, a.cfg.People.AddContact(r.Context(), user, contact, req.Name))
}

// fits checks texts that others will see.
func (a *API) fits(w http.ResponseWriter, r *http.Request, texts ...string) bool {
	for _, t := range texts {
		switch {
		case len(t) > maxName:
			a.fail(w, r, http.StatusRequestEntityTooLarge, "the text is too large")
			return false
		case strings.ContainsFunc(t, notXML):
			a.fail(w, r, http.StatusBadRequest, "the text has characters that XMPP cannot carry")
			return false
		}
	}
	return true
}

func (a *API) deleteContact(w http.ResponseWriter, r *http.Request) {
	if user, contact, ok := a.asUserOf(w, r); ok {
		a.done(w, r, a.cfg.People.RemoveContact(r.Context(), user, contact))
	}
}

func (a *API) postAnswer(w http.ResponseWriter, r *http.Request) {
	user, contact, ok := a.asUserOf(w, r)
	if !ok {
		return
	}
	var req struct {
		Accept *bool `json:"accept"`
	}
	if !a.decode(w, r, &req) {
		return
	}
	if req.Accept == nil {
		a.fail(w, r, http.StatusBadRequest, "accept is true or false")
		return
	}
	a.done(w, r, a.cfg.People.Answer(r.Context(), user, contact, *req.Accept))
}

func (a *API) putBlocked(blocked bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, address, ok := a.asUserAbout(w, r); ok {
			a.done(w, r, a.cfg.People.SetBlocked(r.Context(), user, address, blocked))
		}
	}
}

func (a *API) putPresence(w http.ResponseWriter, r *http.Request) {
	user, ok := a.asUser(w, r)
	if !ok {
		return
	}
	var req struct {
		Show   string `json:"show"`
		Status string `json:"status"`
	}
	if !a.decode(w, r, &req) || !a.fits(w, r, req.Status) {
		return
	}
	p := store.Presence{Available: req.Show != "offline", Show: req.Show, Status: req.Status}
	switch req.Show {
	case "", "online", "offline":
		p.Show = ""
	case "chat", "away", "xa", "dnd":
	default:
		a.fail(w, r, http.StatusBadRequest, "show is online, chat, away, xa, dnd or offline")
		return
	}
	a.done(w, r, a.cfg.People.SetPresence(r.Context(), user, p))
}

// profileJSON is a profile as clients have it. An avatar's data is base64.
type profileJSON struct {
	Name   string      `json:"name"`
	Nick   string      `json:"nick"`
	Avatar *avatarJSON `json:"avatar,omitempty"`
}

type avatarJSON struct {
	Type string `json:"type"`
	Data []byte `json:"data"`
}

func (a *API) getProfile(w http.ResponseWriter, r *http.Request) {
	user, ok := a.asUser(w, r)
	if !ok {
		return
	}
	p, err := a.cfg.People.UserProfile(r.Context(), user)
	if err != nil {
		a.broken(w, r, err)
		return
	}
	out := profileJSON{Name: p.Name, Nick: p.Nick}
	if len(p.Avatar) > 0 {
		out.Avatar = &avatarJSON{Type: p.AvatarType, Data: p.Avatar}
	}
	a.reply(w, r, http.StatusOK, out)
}

func (a *API) putProfile(w http.ResponseWriter, r *http.Request) {
	user, ok := a.asUser(w, r)
	if !ok {
		return
	}
	var req profileJSON
	if !a.decode(w, r, &req) || !a.fits(w, r, req.Name, req.Nick) {
		return
	}
	p := store.Profile{Name: req.Name, Nick: req.Nick}
	if req.Avatar != nil {
		p.AvatarType, p.Avatar = req.Avatar.Type, req.Avatar.Data
		switch {
		case !isImage(p.AvatarType) || len(p.Avatar) == 0:
			a.fail(w, r, http.StatusBadRequest, "an avatar is an image")
			return
		case len(p.Avatar) > maxAvatar:
			a.fail(w, r, http.StatusRequestEntityTooLarge, "the avatar is too large")
			return
		}
	}
	a.done(w, r, a.cfg.People.SetProfile(r.Context(), user, p))
}

// isImage reports whether a browser may be shown what says to be of this type.
func isImage(typ string) bool {
	return slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, typ)
}

func (a *API) getAvatar(w http.ResponseWriter, r *http.Request) {
	user, contact, ok := a.asUserAbout(w, r)
	if !ok {
		return
	}
	typ, data, err := a.cfg.People.Avatar(r.Context(), user, contact)
	switch {
	case err != nil:
		a.cfg.Logger.Info("avatar not fetched", "remote", contact, "err", err)
		a.fail(w, r, http.StatusBadGateway, "the contact's server did not tell")
	case len(data) == 0 || !isImage(typ):
		a.fail(w, r, http.StatusNotFound, "there is no avatar")
	default:
		w.Header().Set("Content-Type", typ)
		w.Write(data)
	}
}

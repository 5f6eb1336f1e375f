package api

import (
	"crypto/rand"
	"errors"
	"net/http"

	"isthmus.im/examples/chatd/store"
)

func (a *API) createUser(w http.ResponseWriter, r *http.Request) {
	if !a.asAdmin(w, r) {
		return
	}
	var req struct {
		Name string `json:"name"`
	}
	if !a.decode(w, r, &req) {
		return
	}
	user, err := a.address(req.Name)
	if err != nil {
		a.fail(w, r, http.StatusBadRequest, "bad name: "+reason(err))
		return
	}
	token := rand.Text() // 130 bits
	switch err := a.cfg.Store.AddUser(r.Context(), user, store.HashToken(token)); {
	case errors.Is(err, store.ErrExists):
		a.fail(w, r, http.StatusConflict, "the name is taken, or too much like one that is")
	case err != nil:
		a.broken(w, r, err)
	default:
		a.reply(w, r, http.StatusCreated, map[string]string{
			"name": a.name(user), "address": user.String(), "token": token,
		})
	}
}

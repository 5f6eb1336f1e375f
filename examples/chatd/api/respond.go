package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	maxRequest = 256 << 10 // bytes of a request's body
	maxText    = 32 << 10  // bytes of a message's text
)

// reply answers with v as JSON.
func (a *API) reply(w http.ResponseWriter, r *http.Request, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		a.broken(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

// fail answers a request that cannot be served, and says why.
func (a *API) fail(w http.ResponseWriter, r *http.Request, status int, why string) {
	a.reply(w, r, status, map[string]string{"error": why})
}

// reason is err's text without the name of the package that it comes from.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "jid: ") }

// broken answers a request that failed for a reason of ours.
func (a *API) broken(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client has gone
	}
	a.cfg.Logger.Error("http request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	a.fail(w, r, http.StatusInternalServerError, "internal error")
}

// decode reads the request's body, one JSON object, into v, and answers the
// request if it cannot.
func (a *API) decode(w http.ResponseWriter, r *http.Request, v any) bool {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		a.fail(w, r, http.StatusRequestEntityTooLarge, "the request is too large")
		return false
	case err != nil:
		a.fail(w, r, http.StatusBadRequest, "the request cannot be read")
		return false
	case !utf8.Valid(b):
		a.fail(w, r, http.StatusBadRequest, "the request is not UTF-8")
		return false
	}
	if err := json.Unmarshal(b, v); err != nil {
		a.fail(w, r, http.StatusBadRequest, "the request is not the JSON object that is wanted: "+err.Error())
		return false
	}
	return true
}

package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Config is what an API needs; all fields but Heartbeat and Stall are required.
type Config struct {
	Domains    []string      // the first is where names without a domain belong
	Store      store.Store   // users and events
	Sender     stanza.Sender // takes what users write
	People     People
	Streams    func() []Stream
	AdminToken string
	Logger     *slog.Logger

	Heartbeat time.Duration // between comments on a silent event stream; 0: 15 s
	Stall     time.Duration // a client that takes none of its events for so long is cut off; 0: 10 s
}

// Stream is one federation stream, as GET /v1/federation/streams shows it.
type Stream struct {
	Local     string    `json:"local"`
	Remote    string    `json:"remote"`
	Direction string    `json:"direction"` // "in" or "out"
	Method    string    `json:"method"`    // how the side that connected authenticated: "EXTERNAL"
	Proof     string    `json:"proof"`     // how the remote domain was proved: "PKIX"
	TLS       string    `json:"tls"`       // "TLS 1.3"
	Since     time.Time `json:"since"`
	In        uint64    `json:"in"`  // stanzas received
	Out       uint64    `json:"out"` // stanzas sent
}

// API serves the client protocol. It is safe for concurrent use.
type API struct {
	cfg     Config
	domains map[string]bool
	admin   [sha256.Size]byte
	mux     *http.ServeMux

	drainOnce sync.Once
	drained   chan struct{}

	mu       sync.Mutex
	watchers map[jid.JID]int // open event streams
}

// New returns an API. The error tells of a domain that is none.
func New(cfg Config) (*API, error) {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 15 * time.Second
	}
	if cfg.Stall == 0 {
		cfg.Stall = 10 * time.Second
	}
	a := &API{
		cfg:      cfg,
		domains:  make(map[string]bool),
		admin:    sha256.Sum256([]byte(cfg.AdminToken)),
		mux:      http.NewServeMux(),
		drained:  make(chan struct{}),
		watchers: make(map[jid.JID]int),
	}
	if len(cfg.Domains) == 0 || cfg.AdminToken == "" {
		return nil, errors.New("api: a domain and an administrator's token are needed")
	}
	for _, name := range cfg.Domains {
		d, err := jid.New("", name, "")
		if err != nil {
			return nil, err
		}
		a.domains[d.Domain()] = true
	}
	a.route("POST", "/v1/users", a.createUser)
	a.route("POST", "/v1/users/{name}/messages", a.postMessage)
	a.route("GET", "/v1/users/{name}/events", a.getEvents)
	a.routePeople()
	a.route("GET", "/v1/federation/streams", a.getStreams)
	a.route("GET", "/healthz", a.health)
	a.route("GET", "/{$}", newPage(cfg.Domains[0]).serve)
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, http.StatusNotFound, "there is nothing at this path")
	})
	return a, nil
}

// route registers h for one method of a path; others are told which it is.
func (a *API) route(method, path string, h http.HandlerFunc) {
	a.routes(path, map[string]http.HandlerFunc{method: h})
}

// routes registers a handler for each method of a path.
func (a *API) routes(path string, handlers map[string]http.HandlerFunc) {
	var methods []string
	for method, h := range handlers {
		a.mux.HandleFunc(method+" "+path, h)
		if methods = append(methods, method); method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	allow := strings.Join(methods, ", ")
	a.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		a.fail(w, r, http.StatusMethodNotAllowed, "this path takes "+allow)
	})
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	start := time.Now()
	a.mux.ServeHTTP(w, r)
	// The query and the headers may tell more than a log should know.
	a.cfg.Logger.Debug("http request", "method", r.Method, "path", r.URL.Path, "took", time.Since(start))
}

// Drain ends the open event streams, whose clients come back elsewhere or
// later, and makes GET /healthz say so.
func (a *API) Drain() { a.drainOnce.Do(func() { close(a.drained) }) }

func (a *API) health(w http.ResponseWriter, r *http.Request) {
	select {
	case <-a.drained:
		a.reply(w, r, http.StatusServiceUnavailable, map[string]string{"status": "draining"})
	default:
		a.reply(w, r, http.StatusOK, map[string]string{"status": "ok"})
	}
}

func (a *API) getStreams(w http.ResponseWriter, r *http.Request) {
	if !a.asAdmin(w, r) {
		return
	}
	streams := a.cfg.Streams()
	if streams == nil {
		streams = []Stream{} // [] rather than null
	}
	a.reply(w, r, http.StatusOK, streams)
}

// address is the address that a name in a request stands for.
func (a *API) address(name string) (jid.JID, error) {
	if !strings.Contains(name, "@") {
		if name == "" {
			return jid.JID{}, errors.New("the name is empty")
		}
		return jid.New(name, a.cfg.Domains[0], "")
	}
	j, err := jid.Parse(name)
	switch {
	case err != nil:
		return jid.JID{}, err
	case j.Local() == "" || !j.IsBare():
		return jid.JID{}, errors.New("the name is not a user's address")
	case !a.domains[j.Domain()]:
		return jid.JID{}, errors.New("the domain is not one of this service")
	}
	return j, nil
}

// name is the shortest name that address would understand.
func (a *API) name(user jid.JID) string {
	if short, err := a.address(user.Local()); err == nil && short == user {
		return user.Local()
	}
	return user.String()
}

// bearer returns the request's token, or "".
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func (a *API) isAdmin(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], a.admin[:]) == 1
}

// asAdmin reports whether the administrator calls, and answers the request if not.
func (a *API) asAdmin(w http.ResponseWriter, r *http.Request) bool {
	token := bearer(r)
	if a.isAdmin(token) {
		return true
	}
	if _, ok := a.caller(w, r, token); ok {
		a.fail(w, r, http.StatusForbidden, "only the administrator may do this")
	}
	return false
}

// asUser returns the user of the path if that user calls, and answers the
// request if not. The administrator cannot read or write anybody's messages.
func (a *API) asUser(w http.ResponseWriter, r *http.Request) (jid.JID, bool) {
	const another = "the token is not this user's"
	token := bearer(r)
	if a.isAdmin(token) {
		a.fail(w, r, http.StatusForbidden, another)
		return jid.JID{}, false
	}
	user, ok := a.caller(w, r, token)
	if !ok {
		return jid.JID{}, false
	}
	named, err := a.address(r.PathValue("name"))
	if err != nil || named != user {
		a.fail(w, r, http.StatusForbidden, another)
		return jid.JID{}, false
	}
	return user, true
}

// caller returns the user with this token, and answers the request if there is none.
func (a *API) caller(w http.ResponseWriter, r *http.Request, token string) (jid.JID, bool) {
	user, err := jid.JID{}, store.ErrNoUser
	if token != "" {
		user, err = a.cfg.Store.UserByToken(r.Context(), store.HashToken(token))
	}
	switch {
	case errors.Is(err, store.ErrNoUser):
		w.Header().Set("WWW-Authenticate", "Bearer")
		a.fail(w, r, http.StatusUnauthorized, "a valid bearer token is needed")
	case err != nil:
		a.broken(w, r, err)
	}
	return user, err == nil
}

package api_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"isthmus.im/examples/chatd/api"
	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/presence/gate"
)

// recorder is a People that writes down what it is asked.
type recorder struct {
	asked []string
	err   error
	typ   string
	image []byte
}

func (r *recorder) note(format string, args ...any) error {
	r.asked = append(r.asked, fmt.Sprintf(format, args...))
	return r.err
}

func (r *recorder) AddContact(_ context.Context, user, contact jid.JID, name string) error {
	return r.note("add %s %s %q", user, contact, name)
}

func (r *recorder) RemoveContact(_ context.Context, user, contact jid.JID) error {
	return r.note("remove %s %s", user, contact)
}

func (r *recorder) Contacts(_ context.Context, user jid.JID) ([]api.Contact, error) {
	return []api.Contact{{Address: "z@montague.example", Subscription: "both"}, {Address: "a@montague.example", Subscription: "none", Request: true}}, r.note("contacts %s", user)
}

func (r *recorder) Answer(_ context.Context, user, contact jid.JID, accept bool) error {
	return r.note("answer %s %s %t", user, contact, accept)
}

func (r *recorder) SetBlocked(_ context.Context, user, address jid.JID, blocked bool) error {
	return r.note("block %s %s %t", user, address, blocked)
}

func (r *recorder) SetPresence(_ context.Context, user jid.JID, p store.Presence) error {
	return r.note("presence %s %+v", user, p)
}

func (r *recorder) UserProfile(_ context.Context, user jid.JID) (store.Profile, error) {
	return store.Profile{Name: "Juliet", Nick: "J", AvatarType: "image/png", Avatar: []byte{1, 2}}, r.note("profile of %s", user)
}

func (r *recorder) SetProfile(_ context.Context, user jid.JID, p store.Profile) error {
	return r.note("profile %s %s %s %s %d", user, p.Name, p.Nick, p.AvatarType, len(p.Avatar))
}

func (r *recorder) Avatar(_ context.Context, user, contact jid.JID) (string, []byte, error) {
	return r.typ, r.image, r.note("avatar %s %s", user, contact)
}

func TestPeople(t *testing.T) {
	s := newService(t)
	juliet := s.user(t, "juliet")
	const home, romeo = "/v1/users/juliet", "romeo%40montague.example"
	avatar := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, tt := range []struct {
		method, path, body string
		status             int
		asked, answer      string
	}{
		{"PUT", "/contacts/" + romeo, `{"name":"R"}`, 204, `add juliet@capulet.example romeo@montague.example "R"`, ""},
		{"PUT", "/contacts/romeo%40montague.example%2Forchard", `{}`, 204, `add juliet@capulet.example romeo@montague.example ""`, ""},
		{"PUT", "/contacts/%40", `{}`, 400, "", ""},
		{"PUT", "/contacts/juliet%40capulet.example", `{}`, 400, "", ""},
		{"PUT", "/contacts/" + romeo, `{"name":"\u0000"}`, 400, "", ""},
		{"PUT", "/contacts/" + romeo, `{"name":"` + strings.Repeat("x", 2000) + `"}`, 413, "", ""},
		{"PUT", "/contacts/" + romeo, `[]`, 400, "", ""},
		{"POST", "/contacts/" + romeo, `{}`, 405, "", ""},
		{"DELETE", "/contacts/" + romeo, ``, 204, "remove juliet@capulet.example romeo@montague.example", ""},
		{"GET", "/contacts", ``, 200, "contacts juliet@capulet.example",
			`[{"address":"a@montague.example","subscription":"none","request":true},{"address":"z@montague.example","subscription":"both"}]`},
		{"POST", "/requests/" + romeo, `{"accept":true}`, 204, "answer juliet@capulet.example romeo@montague.example true", ""},
		{"POST", "/requests/" + romeo, `{"accept":false}`, 204, "answer juliet@capulet.example romeo@montague.example false", ""},
		{"POST", "/requests/" + romeo, `{}`, 400, "", ""},
		{"DELETE", "/contacts/juliet%40capulet.example", ``, 400, "", ""},
		{"POST", "/requests/juliet%40capulet.example", `{"accept":true}`, 400, "", ""},
		{"PUT", "/blocked/montague.example", ``, 204, "block juliet@capulet.example montague.example true", ""},
		{"DELETE", "/blocked/montague.example", ``, 204, "block juliet@capulet.example montague.example false", ""},
		{"PUT", "/presence", `{"show":"away","status":"at the ball"}`, 204, "presence juliet@capulet.example {Available:true Show:away Status:at the ball}", ""},
		{"PUT", "/presence", `{"show":"online"}`, 204, "presence juliet@capulet.example {Available:true Show: Status:}", ""},
		{"PUT", "/presence", `{"show":"offline"}`, 204, "presence juliet@capulet.example {Available:false Show: Status:}", ""},
		{"PUT", "/presence", `{"show":"invisible"}`, 400, "", ""},
		{"PUT", "/profile", `{"name":"Juliet","nick":"J","avatar":{"type":"image/png","data":"AQI="}}`, 204, "profile juliet@capulet.example Juliet J image/png 2", ""},
		{"PUT", "/profile", `{"name":"Juliet"}`, 204, "profile juliet@capulet.example Juliet   0", ""},
		{"PUT", "/profile", `{"avatar":{"type":"image/svg+xml","data":"AQI="}}`, 400, "", ""},
		{"PUT", "/profile", `{"avatar":{"type":"image/png","data":""}}`, 400, "", ""},
		{"PUT", "/profile", `{"avatar":{"type":"image/png","data":"` + avatar(70_000) + `"}}`, 413, "", ""},
		{"GET", "/profile", ``, 200, "profile of juliet@capulet.example", `{"name":"Juliet","nick":"J","avatar":{"type":"image/png","data":"AQI="}}`},
	} {
		s.people.asked = nil
		w := s.do(t, tt.method, home+tt.path, juliet, tt.body)
		if got := strings.Join(s.people.asked, "; "); w.Code != tt.status || got != tt.asked || tt.answer != "" && strings.TrimSpace(w.Body.String()) != tt.answer {
			t.Errorf("%s %s %s: %d %s, asked %q; want %d %s, %q", tt.method, tt.path, tt.body, w.Code, w.Body, got, tt.status, tt.answer, tt.asked)
		}
		s.people.asked = nil
		if w := s.do(t, tt.method, home+tt.path, "", tt.body); w.Code != 401 && w.Code != 405 || len(s.people.asked) > 0 {
			t.Errorf("%s %s without a token: %d, asked %v", tt.method, tt.path, w.Code, s.people.asked)
		}
	}
	s.people.err = errors.New("the database is away")
	for _, path := range []string{"/contacts", "/profile"} {
		if w := s.do(t, "GET", home+path, juliet, ""); w.Code != http.StatusInternalServerError {
			t.Errorf("%s with a broken store: %d", path, w.Code)
		}
	}
}

// What users hear when something cannot be done.
func TestRefusals(t *testing.T) {
	s := newService(t)
	juliet := s.user(t, "juliet")
	for err, want := range map[error]int{
		api.ErrNoRequest:                        http.StatusNotFound,
		fmt.Errorf("sent: %w", gate.ErrBlocked): http.StatusConflict,
		errors.New("the database is away"):      http.StatusInternalServerError,
	} {
		s.people.err = err
		if w := s.do(t, "POST", "/v1/users/juliet/requests/romeo%40montague.example", juliet, `{"accept":false}`); w.Code != want {
			t.Errorf("%v: %d, want %d", err, w.Code, want)
		}
	}
}

func TestAvatarOfAContact(t *testing.T) {
	s := newService(t)
	juliet := s.user(t, "juliet")
	const path = "/v1/users/juliet/contacts/romeo%40montague.example/avatar"
	for _, tt := range []struct {
		typ    string
		image  []byte
		err    error
		status int
	}{
		{"image/png", []byte("\x89PNG"), nil, 200},
		{"image/svg+xml", []byte("<svg/>"), nil, 404},
		{"text/html", []byte("<script>"), nil, 404},
		{"", nil, nil, 404},
		{"", nil, errors.New("timeout"), 502},
	} {
		s.people.typ, s.people.image, s.people.err = tt.typ, tt.image, tt.err
		w := s.do(t, "GET", path, juliet, "")
		if w.Code != tt.status || w.Code == 200 && (w.Body.String() != string(tt.image) || w.Header().Get("Content-Type") != tt.typ) {
			t.Errorf("%q: %d %q of %s", tt.typ, w.Code, w.Body, w.Header().Get("Content-Type"))
		}
	}
}

func TestCorrectionsAndReceipts(t *testing.T) {
	s := newService(t)
	juliet := s.user(t, "juliet")
	w := s.do(t, "POST", "/v1/users/juliet/messages", juliet, `{"to":"romeo@montague.example","body":"ten","replaces":"m1","receipt":true}`)
	if w.Code != http.StatusAccepted || len(s.out.sent) != 1 {
		t.Fatalf("%d, %d sent", w.Code, len(s.out.sent))
	}
	if x := s.out.sent[0].String(); !strings.Contains(x, `<replace xmlns="urn:xmpp:message-correct:0" id="m1">`) || !strings.Contains(x, `<request xmlns="urn:xmpp:receipts">`) {
		t.Errorf("sent %s", x)
	}
	s.out.err = gate.ErrBlocked
	if w := s.do(t, "POST", "/v1/users/juliet/messages", juliet, `{"to":"romeo@montague.example","body":"hi"}`); w.Code != http.StatusConflict {
		t.Errorf("to somebody who is blocked: %d", w.Code)
	}
}

// What clients see of each kind of event.
func TestEventsAsJSON(t *testing.T) {
	s := newService(t)
	juliet := s.user(t, "juliet")
	user := jid.MustParse("juliet@capulet.example")
	for _, e := range []store.Event{
		{Type: store.TypeCorrection, From: "r@m.example", To: "j@c.example", Body: "ten", StanzaID: "m2", InReplyTo: "m1"},
		{Type: store.TypeReceipt, From: "r@m.example", InReplyTo: "m1"},
		{Type: store.TypeRequest, From: "r@m.example", Text: "Romeo"},
		{Type: store.TypePresence, From: "r@m.example/o", Condition: "away", Text: "gone"},
		{Type: store.TypeContact, From: "r@m.example", Detail: `{"address":"r@m.example"}`},
	} {
		if _, err := s.store.Append(t.Context(), user, e); err != nil {
			t.Fatal(err)
		}
	}
	const at = `"at":"0001-01-01T00:00:00Z"`
	want := strings.Join([]string{
		`[{"id":1,"type":"correction","from":"r@m.example","to":"j@c.example","body":"ten","stanza_id":"m2",` + at + `,"replaces":"m1"}`,
		`{"id":2,"type":"receipt","in_reply_to":"m1","from":"r@m.example",` + at + `}`,
		`{"id":3,"type":"request","from":"r@m.example","nick":"Romeo",` + at + `}`,
		`{"id":4,"type":"presence","from":"r@m.example/o","show":"away","status":"gone",` + at + `}`,
		`{"id":5,"type":"contact","contact":{"address":"r@m.example"},` + at + `}]`,
	}, ",\n")
	if got := strings.TrimSpace(s.do(t, "GET", "/v1/users/juliet/events?wait=0", juliet, "").Body.String()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

package presence

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

func from(contact jid.JID, typ string) string {
	return fmt.Sprintf(`<presence from="%s" to="%s" type="%s" id="x"/>`, contact, juliet, typ)
}

// A stranger asks, asks again, is approved, asks once more, leaves, and leaves again.
func TestRequestOfStranger(t *testing.T) {
	r := newRig(t)
	r.announce(`<presence from="juliet@capulet.example/balcony"><show>away</show></presence>`)
	req := `<presence from="romeo@montague.example/orchard" to="juliet@capulet.example/balcony" type="subscribe"><status>hi</status></presence>`
	same(t, "request", r.in(req))
	same(t, "host", r.told(), `request juliet@capulet.example romeo@montague.example `+
		`<presence from="romeo@montague.example" to="juliet@capulet.example" type="subscribe"><status>hi</status></presence>`)
	same(t, "request again", r.in(req))
	same(t, "host", r.told())

	if err := r.Approve(t.Context(), juliet, romeo); err != nil {
		t.Fatal(err)
	}
	same(t, "approval", r.take(),
		`<presence from="juliet@capulet.example" to="romeo@montague.example" type="subscribed"/>`,
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"><show>away</show></presence>`)
	same(t, "host", r.told(), "roster juliet@capulet.example romeo@montague.example From")
	same(t, "request once more", r.in(from(romeo, "subscribe")),
		`<presence from="juliet@capulet.example" to="romeo@montague.example" id="x" type="subscribed"/>`,
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"><show>away</show></presence>`)
	same(t, "host", r.told())

	same(t, "leaves", r.in(from(romeo, "unsubscribe")),
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example" type="unavailable"/>`,
		`<presence from="juliet@capulet.example" to="romeo@montague.example" id="x" type="unsubscribed"/>`)
	same(t, "host", r.told(), "presence juliet@capulet.example romeo@montague.example unsubscribe",
		"roster juliet@capulet.example romeo@montague.example None")
	same(t, "leaves again", r.in(from(romeo, "unsubscribe")))
	same(t, "host", r.told())
}

func TestOwnRequest(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	if err := r.Subscribe(ctx, juliet, romeo); err != nil {
		t.Fatal(err)
	}
	same(t, "request", r.take(), `<presence from="juliet@capulet.example" to="romeo@montague.example" type="subscribe"/>`)
	same(t, "granted", r.in(from(romeo, "subscribed")))
	same(t, "granted again", r.in(from(romeo, "subscribed")))
	same(t, "host", r.told(), "roster juliet@capulet.example romeo@montague.example None + Pending Out",
		"presence juliet@capulet.example romeo@montague.example subscribed", "roster juliet@capulet.example romeo@montague.example To")
	if err := r.Unsubscribe(ctx, juliet, romeo); err != nil {
		t.Fatal(err)
	}
	same(t, "end", r.take(), `<presence from="juliet@capulet.example" to="romeo@montague.example" type="unsubscribe"/>`)
	same(t, "confirmed", r.in(from(romeo, "unsubscribed")))
	same(t, "host", r.told(), "roster juliet@capulet.example romeo@montague.example None")
}

// Answers and cancellations for a session that is not there are ignored, and for one that
// is they are for the user.
func TestSessionAddressed(t *testing.T) {
	r := newRig(t)
	to := func(typ string) string {
		return strings.Replace(from(romeo, typ), juliet.String(), juliet.String()+"/balcony", 1)
	}
	it := roster.Item{Contact: romeo, Subscription: roster.From, Ask: true}
	for typ, want := range map[string]string{"subscribed": "Both", "unsubscribe": "None + Pending Out", "unsubscribed": "From"} {
		r.put(juliet, it)
		r.in(to(typ))
		if got := r.state(juliet, romeo).State(); got != "From + Pending Out" {
			t.Errorf("%s to no session: %s", typ, got)
		}
		r.announce(`<presence from="juliet@capulet.example/balcony"/>`)
		r.in(to(typ))
		if got := r.state(juliet, romeo).State(); got != want {
			t.Errorf("%s to a session: %s, want %s", typ, got, want)
		}
		r.announce(`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`)
	}
}

func TestApprovalInAdvance(t *testing.T) {
	r := newRig(t)
	if err := r.Approve(t.Context(), juliet, romeo); err != nil {
		t.Fatal(err)
	}
	same(t, "approval", r.take())
	same(t, "request", r.in(from(romeo, "subscribe")),
		`<presence from="juliet@capulet.example" to="romeo@montague.example" id="x" type="subscribed"/>`)
}

func TestRemove(t *testing.T) {
	r := newRig(t)
	r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.Both, Name: "R"})
	r.announce(`<presence from="juliet@capulet.example/balcony"/>`)
	if err := r.Remove(t.Context(), juliet, romeo); err != nil {
		t.Fatal(err)
	}
	sent := strings.Join(r.take(), "\n")
	for _, typ := range []string{"unsubscribe", "unsubscribed", "unavailable"} {
		if strings.Count(sent, `type="`+typ+`"`) != 1 {
			t.Errorf("not one %s in %s", typ, sent)
		}
	}
	same(t, "host", r.told(), "roster juliet@capulet.example romeo@montague.example None")
	if it := r.state(juliet, romeo); !it.IsZero() {
		t.Errorf("left over: %+v", it)
	}
}

// Every state of appendix A.1, and those with an approval in advance, is reached
// from nothing by what users and contacts do through the Service.
func TestEveryState(t *testing.T) {
	acts := map[string]func(r *rig) error{
		"subscribe!":    func(r *rig) error { return r.Subscribe(t.Context(), juliet, romeo) },
		"subscribed!":   func(r *rig) error { return r.Approve(t.Context(), juliet, romeo) },
		"unsubscribe!":  func(r *rig) error { return r.Unsubscribe(t.Context(), juliet, romeo) },
		"unsubscribed!": func(r *rig) error { return r.Deny(t.Context(), juliet, romeo) },
	}
	tests := []struct{ path, want string }{
		{"", "None"},
		{"subscribe!", "None + Pending Out"},
		{"subscribe", "None + Pending In"},
		{"subscribe! subscribe", "None + Pending Out+In"},
		{"subscribe! subscribed", "To"},
		{"subscribe! subscribed subscribe", "To + Pending In"},
		{"subscribe subscribed!", "From"},
		{"subscribe subscribed! subscribe!", "From + Pending Out"},
		{"subscribe subscribed! subscribe! subscribed", "Both"},
		{"subscribed!", "None, approved"},
		{"subscribed! subscribe!", "None + Pending Out, approved"},
		{"subscribed! subscribe! subscribed", "To, approved"},
		{"subscribe! subscribed unsubscribe!", "None"},
		{"subscribe subscribed! unsubscribed!", "None"},
		{"subscribe! subscribed unsubscribed", "None"},
		{"subscribe subscribed! subscribe! subscribed unsubscribe", "To"},
		{"subscribe unsubscribed!", "None"},
		{"subscribe unsubscribe", "None"},
	}
	for _, tt := range tests {
		r := newRig(t)
		for _, ev := range strings.Fields(tt.path) {
			if act := acts[ev]; act == nil {
				r.in(from(romeo, ev))
			} else if err := act(r); err != nil {
				t.Fatal(err)
			}
		}
		it := r.state(juliet, romeo)
		got := it.State()
		if it.Approved {
			got += ", approved"
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.path, got, tt.want)
		}
	}
}

func TestPendingLimits(t *testing.T) {
	r := newRig(t)
	r.MaxPending, r.MaxRequest = 2, 150
	stranger := func(n int) jid.JID { return jid.MustParse(fmt.Sprintf("s@d%d.example", n)) }
	for n := range 3 {
		same(t, "request", r.in(from(stranger(n), "subscribe")))
	}
	if n := len(r.told()); n != 2 {
		t.Errorf("%d requests shown, want 2", n)
	}
	if it := r.state(juliet, stranger(2)); !it.IsZero() {
		t.Errorf("kept: %+v", it)
	}
	if err := r.Deny(t.Context(), juliet, stranger(0)); err != nil {
		t.Fatal(err)
	}
	long := strings.Replace(from(stranger(2), "subscribe"), "/>", "><status>"+strings.Repeat("x", 150)+"</status></presence>", 1)
	r.in(long)
	want := `<presence from="s@d2.example" to="juliet@capulet.example" id="x" type="subscribe"/>`
	if it := r.state(juliet, stranger(2)); it.Request != want {
		t.Errorf("kept %q, want %q", it.Request, want)
	}
	// Both that wait are shown when a session becomes available.
	r.told()
	r.announce(`<presence from="juliet@capulet.example/balcony"/>`)
	same(t, "at login", r.told(),
		"request juliet@capulet.example s@d1.example "+strings.ReplaceAll(want, "d2", "d1"),
		"request juliet@capulet.example s@d2.example "+want)
}

// However many addresses of one domain ask, others are heard.
func TestPendingShare(t *testing.T) {
	r := newRig(t)
	for n := range 100 {
		r.in(from(jid.MustParse(fmt.Sprintf("s%d@verona.example", n)), "subscribe"))
	}
	if n := len(r.told()); n != 25 {
		t.Errorf("%d requests of one domain shown, want 25", n)
	}
	r.in(from(romeo, "subscribe"))
	if !r.state(juliet, romeo).Pending || len(r.told()) != 1 {
		t.Error("the request from another domain was dropped")
	}
}

func TestConversations(t *testing.T) {
	r := newRig(t)
	r.Roster = roster.FromConversations(talks{juliet: {romeo}}, nil)
	same(t, "request of one who shares a conversation", r.in(from(romeo, "subscribe")),
		`<presence from="juliet@capulet.example" to="romeo@montague.example" id="x" type="subscribed"/>`)
	for _, typ := range []string{"unsubscribe", "unsubscribed", "subscribed"} {
		same(t, typ, r.in(from(romeo, typ)))
	}
	same(t, "stranger", r.in(from(jid.MustParse("paris@verona.example"), "subscribe")))
	same(t, "host", r.told())
	if err := r.Deny(t.Context(), juliet, romeo); !errors.Is(err, roster.ErrFixed) {
		t.Errorf("deny: %v", err)
	}
	same(t, "deny", r.take())
}

func TestErrors(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	for _, contact := range []jid.JID{{}, juliet, jid.MustParse("juliet@capulet.example/x")} {
		if err := r.Subscribe(ctx, juliet, contact); !errors.Is(err, ErrAddress) {
			t.Errorf("subscribe to %q: %v", contact, err)
		}
	}
	if err := r.Remove(ctx, jid.JID{}, romeo); !errors.Is(err, ErrAddress) {
		t.Errorf("remove: %v", err)
	}
	full := errors.New("queue full")
	r.err = full
	if err := r.Subscribe(ctx, juliet, romeo); !errors.Is(err, full) {
		t.Errorf("subscribe: %v", err)
	}
	store := &broken{Store: r.Roster}
	store.set(true)
	r.Roster = store
	if err := r.Approve(ctx, juliet, romeo); !errors.Is(err, errBroken) {
		t.Errorf("approve: %v", err)
	}
	if err := r.Remove(ctx, juliet, romeo); !errors.Is(err, errBroken) {
		t.Errorf("remove: %v", err)
	}
	for _, typ := range []string{"subscribe", "unsubscribe", "probe"} {
		if _, err := r.HandleStanza(ctx, stanza.MustParse(from(romeo, typ))); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// A contact who sees the user gets the presence once more when the user sees them, too.
func TestSubscribedTellsAgain(t *testing.T) {
	for sub, want := range map[roster.Subscription]int{roster.None: 0, roster.From: 1} {
		r := newRig(t)
		r.put(juliet, roster.Item{Contact: romeo, Subscription: sub, Ask: true})
		r.announce(`<presence from="juliet@capulet.example/balcony"/>`)
		if got := r.in(`<presence type="subscribed" from="romeo@montague.example" to="juliet@capulet.example"/>`); len(got) != want {
			t.Errorf("%s: %s", sub, got)
		}
		if got := r.in(`<presence type="subscribed" from="romeo@montague.example" to="juliet@capulet.example"/>`); len(got) != 0 {
			t.Errorf("%s, again: %s", sub, got)
		}
	}
}

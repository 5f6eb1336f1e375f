package s2stest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
)

// TestIdentities checks an implementation of [s2s.IdentityStore]. It calls open
// for an empty one, for each of its tests. If reopen is not nil, it must close the
// given one, as a process that ends does, and return what the next process would
// open.
func TestIdentities(t *testing.T, open func(testing.TB) s2s.IdentityStore, reopen func(testing.TB, s2s.IdentityStore) s2s.IdentityStore) {
	t.Run("Kept", func(t *testing.T) { kitIdentities(t, open(t)) })
	t.Run("Concurrency", func(t *testing.T) { kitIdentitiesTogether(t, open(t)) })
	t.Run("EndedContext", func(t *testing.T) {
		store := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := store.UpdateIdentity(ctx, jid.MustParse("montague.example"), true, func(s2s.Identity) s2s.Identity { return kitIdentity(1) })
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
		if got := kitRecall(t, store, "montague.example", true); (got == kitIdentity(1)) != (err == nil) {
			t.Errorf("returned %v and keeps %+v", err, got)
		}
	})
	if reopen != nil {
		t.Run("Reopen", func(t *testing.T) {
			store := open(t)
			kitRemember(t, store, "montague.example", true, kitIdentity(1))
			store = reopen(t, store)
			if got := kitRecall(t, store, "montague.example", true); got != kitIdentity(1) {
				t.Errorf("after a restart: %+v", got)
			}
		})
	}
}

// kitIdentity makes an identity; each number makes another one.
func kitIdentity(n int) s2s.Identity {
	a := s2s.Assurance{
		Method: s2s.MethodPKIX, TLSVersion: 0x304, CipherSuite: 0x1301, Fingerprint: fmt.Sprintf("%064x", n), Issuer: "Señor & Söhne",
		Since: time.Unix(1_000_000_000, 0).UTC(),
	}
	b := a
	b.Method, b.Issuer = s2s.MethodDialback, ""
	return s2s.Identity{Accepted: a, Refused: b}
}

func kitRecall(t testing.TB, store s2s.IdentityStore, domain string, outgoing bool) (got s2s.Identity) {
	t.Helper()
	err := store.UpdateIdentity(context.Background(), jid.MustParse(domain), outgoing, func(old s2s.Identity) s2s.Identity {
		got = old
		return old
	})
	if err != nil {
		t.Fatalf("UpdateIdentity: %v", err)
	}
	return got
}

func kitRemember(t testing.TB, store s2s.IdentityStore, domain string, outgoing bool, id s2s.Identity) {
	t.Helper()
	if err := store.UpdateIdentity(t.Context(), jid.MustParse(domain), outgoing, func(s2s.Identity) s2s.Identity { return id }); err != nil {
		t.Fatalf("UpdateIdentity: %v", err)
	}
}

func kitIdentities(t *testing.T, store s2s.IdentityStore) {
	const domain, other = "montague.example", "bücher.example"
	if got := kitRecall(t, store, domain, true); got != (s2s.Identity{}) {
		t.Errorf("of an unknown domain: %+v", got)
	}
	kitRemember(t, store, domain, true, kitIdentity(1))
	kitRemember(t, store, domain, false, kitIdentity(2))
	kitRemember(t, store, other, true, kitIdentity(3))
	kitRemember(t, store, domain, true, kitIdentity(4))
	for _, c := range []struct {
		domain   string
		outgoing bool
		want     s2s.Identity
	}{{domain, true, kitIdentity(4)}, {domain, false, kitIdentity(2)}, {other, true, kitIdentity(3)}, {other, false, s2s.Identity{}}} {
		if got := kitRecall(t, store, c.domain, c.outgoing); got != c.want {
			t.Errorf("%s, outgoing %t: %+v, want %+v", c.domain, c.outgoing, got, c.want)
		}
	}
	kitRemember(t, store, domain, true, s2s.Identity{Accepted: kitIdentity(5).Accepted})
	if got := kitRecall(t, store, domain, true); got != (s2s.Identity{Accepted: kitIdentity(5).Accepted}) {
		t.Errorf("without a refused one: %+v", got)
	}
}

// kitIdentitiesTogether counts in a field what many change at once.
func kitIdentitiesTogether(t *testing.T, store s2s.IdentityStore) {
	const workers, each = 8, 25
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				err := store.UpdateIdentity(context.Background(), jid.MustParse("montague.example"), false, func(old s2s.Identity) s2s.Identity {
					old.Accepted.CipherSuite++
					return old
				})
				if err != nil {
					t.Errorf("UpdateIdentity: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got := kitRecall(t, store, "montague.example", false).Accepted.CipherSuite; got != workers*each {
		t.Errorf("%d of %d changes were kept", got, workers*each)
	}
}

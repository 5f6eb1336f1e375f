package posh

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
)

const (
	domain  = "montague.example"
	address = "https://montague.example/.well-known/posh/xmpp-server.json"
	hosted  = "https://hosting.example/posh.json"
)

// web is what HTTPS servers say.
type web struct {
	mu    sync.Mutex
	pages map[string]string
	asked []string
	slow  time.Duration
}

func (w *web) fetch(ctx context.Context, url string) ([]byte, error) {
	select {
	case <-time.After(w.slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, url)
	text, ok := w.pages[url]
	if !ok {
		return nil, errors.New("404 Not Found")
	}
	return []byte(text), nil
}

// times is how often somebody asked since the last call.
func (w *web) times() int {
	n := len(w.asked)
	w.asked = nil
	return n
}

func lists(expires int, certs ...*x509.Certificate) string {
	text := ""
	for _, c := range certs {
		sum := sha256.Sum256(c.Raw)
		text += `,{"sha-256":"` + b64(sum[:]) + `"}`
	}
	return fmt.Sprintf(`{"fingerprints":[%s],"expires":%d}`, text[1:], expires)
}

func refers(url string, expires int) string {
	return fmt.Sprintf(`{"url":%q,"expires":%d}`, url, expires)
}

func selfSigned(o testca.Options) *x509.Certificate { return testca.Chain(testca.SelfSigned(o))[0] }

func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, other := selfSigned(testca.Options{}), selfSigned(testca.Options{})
		old := selfSigned(testca.Options{NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)})
		early := selfSigned(testca.Options{NotBefore: time.Now().Add(time.Hour)})
		for _, c := range []struct {
			name  string
			pages map[string]string
			cert  *x509.Certificate
			want  string
		}{
			{"listed", map[string]string{address: lists(60, other, cert)}, cert, ""},
			{"by reference", map[string]string{address: refers(hosted, 60), hosted: lists(60, cert)}, cert, ""},
			{"not listed", map[string]string{address: lists(60, other)}, cert, "mismatch"},
			{"listed and too old", map[string]string{address: lists(60, old)}, old, "expired"},
			{"listed and too new", map[string]string{address: lists(60, early)}, early, "expired"},
			{"nothing there", nil, cert, "posh: the document of montague.example cannot be had"},
			{"nothing there, by reference", map[string]string{address: refers(hosted, 60)}, cert, "posh: the document of montague.example cannot be had"},
			{"not a document", map[string]string{address: "<html>"}, cert, "posh: not a document: invalid character '<' looking for beginning of value"},
			{"reference to a reference", map[string]string{address: refers(hosted, 60), hosted: refers(hosted, 60)}, cert, errFollow.Error()},
			{"over", map[string]string{address: refers(hosted, 0), hosted: lists(60, cert)}, cert, errOver.Error()},
		} {
			w := &web{pages: c.pages}
			err := (&Client{Fetch: w.fetch}).Verify(t.Context(), domain, c.cert)
			var miss *MismatchError
			switch isMiss := errors.As(err, &miss); {
			case isMiss != (c.want == "mismatch" || c.want == "expired"), isMiss && miss.Expired != (c.want == "expired"):
				t.Errorf("%s: %v", c.name, err)
			case !isMiss && c.want == "" && err != nil, !isMiss && c.want != "" && (err == nil || err.Error() != c.want):
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
		}
	})
}

// What was found counts as long as both documents say, and a day at most;
// what was not, for a minute.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert := selfSigned(testca.Options{})
		for _, c := range []struct {
			pages map[string]string
			holds time.Duration
			asks  int
		}{
			{map[string]string{address: lists(3600, cert)}, time.Hour, 1},
			{map[string]string{address: lists(3600000, cert)}, 24 * time.Hour, 1},
			{map[string]string{address: refers(hosted, 60), hosted: lists(3600, cert)}, time.Minute, 2},
			{map[string]string{address: refers(hosted, 3600), hosted: lists(60, cert)}, time.Minute, 2},
			{nil, time.Minute, 1},
		} {
			w := &web{pages: c.pages}
			p := &Client{Fetch: w.fetch}
			p.Verify(t.Context(), domain, cert)
			if n := w.times(); n != c.asks {
				t.Errorf("%v: asked %d times", c.pages, n)
			}
			time.Sleep(c.holds - time.Second)
			p.Verify(t.Context(), domain, cert)
			if n := w.times(); n != 0 {
				t.Errorf("%v: asked %d times for what was known", c.pages, n)
			}
			time.Sleep(time.Second)
			p.Verify(t.Context(), domain, cert)
			if n := w.times(); n != c.asks {
				t.Errorf("%v: asked %d times once that was over", c.pages, n)
			}
		}
	})
}

// A certificate that is renewed before its fingerprints are over is found, but
// not everyone who shows another one makes us ask.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, next := selfSigned(testca.Options{}), selfSigned(testca.Options{})
		w := &web{pages: map[string]string{address: lists(86400, cert)}}
		p := &Client{Fetch: w.fetch}
		if err := p.Verify(t.Context(), domain, cert); err != nil {
			t.Fatal(err)
		}
		w.pages[address] = lists(86400, next)
		time.Sleep(young - time.Second)
		if err := p.Verify(t.Context(), domain, next); err == nil || w.times() != 1 {
			t.Errorf("young fingerprints: %v", err)
		}
		time.Sleep(time.Second)
		if err := p.Verify(t.Context(), domain, cert); err != nil || w.times() != 0 {
			t.Errorf("the one that is listed: %v", err)
		}
		if err := p.Verify(t.Context(), domain, next); err != nil || w.times() != 1 {
			t.Errorf("the new one: %v", err)
		}
		if err := p.Verify(t.Context(), domain, cert); err == nil || w.times() != 0 {
			t.Errorf("the old one: %v", err)
		}
	})
}

// Many ask at once, one fetches; if that one gives up another one does.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert := selfSigned(testca.Options{})
		w := &web{pages: map[string]string{address: lists(60, cert)}, slow: 10 * time.Second}
		p := &Client{Fetch: w.fetch}
		var wg sync.WaitGroup
		errs := make([]error, 10)
		for i := range errs {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+20*i)*time.Second)
				defer cancel()
				time.Sleep(time.Duration(i) * time.Millisecond) // the first one is the one without patience
				errs[i] = p.Verify(ctx, domain, cert)
			})
		}
		wg.Wait()
		if !errors.Is(errs[0], context.DeadlineExceeded) || slices.ContainsFunc(errs[1:], func(err error) bool { return err != nil }) || w.times() != 1 {
			t.Error(errs)
		}
	})
}

// One whose patience ends while another fetches hears it at once.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert := selfSigned(testca.Options{})
		w := &web{slow: time.Minute}
		p := &Client{Fetch: w.fetch}
		done := make(chan struct{})
		go func() { defer close(done); p.Verify(t.Context(), domain, cert) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := p.Verify(ctx, domain, cert); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Error(err)
		}
		<-done
	})
}

// The memory is bounded, whatever domains there are.
func TestSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert := selfSigned(testca.Options{})
		w := &web{pages: map[string]string{address: lists(3600, cert)}}
		p := &Client{Fetch: w.fetch, Size: 16}
		for i := range 1000 {
			p.Verify(t.Context(), fmt.Sprintf("d%d.example", i), cert)
			if len(p.known) > 16 {
				t.Fatalf("%d domains are known", len(p.known))
			}
		}
		time.Sleep(time.Hour)
		if err := p.Verify(t.Context(), domain, cert); err != nil || len(p.known) != 1 {
			t.Errorf("%v, %d domains are known", err, len(p.known))
		}
	})
}

// A host that lists its certificate on the web needs nobody to sign it.
func Example() {
	cert := selfSigned(testca.Options{})
	w := &web{pages: map[string]string{address: lists(3600, cert)}}
	p := &Client{Fetch: w.fetch}
	fmt.Println(p.Verify(context.Background(), "montague.example", cert))
	fmt.Println(p.Verify(context.Background(), "montague.example", selfSigned(testca.Options{})))
	// Output:
	// <nil>
	// posh: the certificate is none of those that montague.example names
}

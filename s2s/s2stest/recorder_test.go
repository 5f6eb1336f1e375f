package s2stest_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"isthmus.im/s2s/s2stest"
)

const (
	here  = "capulet.example"
	there = "montague.example"
)

// recorder is a test within a test, whose failures are wanted.
type recorder struct {
	ctx      context.Context
	out      io.Writer
	cleanup  []func()
	failures []string
}

// record runs f as a test of its own and returns what it failed with.
func record(t *testing.T, f func(s2stest.TB)) []string {
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{ctx: ctx, out: t.Output()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	cancel()
	for len(r.cleanup) > 0 {
		last := len(r.cleanup) - 1
		f := r.cleanup[last]
		r.cleanup = r.cleanup[:last]
		f()
	}
	return r.failures
}

// wantFailure reports failures other than a single one that says it all.
func wantFailure(t *testing.T, failures []string, all ...string) {
	t.Helper()
	if len(all) == 0 {
		if len(failures) > 0 {
			t.Errorf("failed with %q", failures)
		}
		return
	}
	if len(failures) != 1 {
		t.Errorf("failed with %q, want one failure", failures)
		return
	}
	for _, part := range append(all, "s2stest: ") {
		if !strings.Contains(failures[0], part) {
			t.Errorf("failed with %q, want %q in it", failures[0], part)
		}
	}
}

func (r *recorder) Helper()                  {}
func (r *recorder) Failed() bool             { return len(r.failures) > 0 }
func (r *recorder) Cleanup(f func())         { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Output() io.Writer        { return r.out }

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

var (
	_ s2stest.TB = (*testing.T)(nil)
	_ s2stest.TB = (*testing.B)(nil)
	_ s2stest.TB = (*testing.F)(nil)
)

// printed is what a test has printed.
type printed struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

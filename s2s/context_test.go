package s2s

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHandlerContext(t *testing.T) {
	open := func(t *testing.T) (*handlerContext, context.CancelFunc) {
		server, stop := context.WithCancel(context.Background())
		t.Cleanup(stop)
		return &handlerContext{Context: server, deadline: time.Now().Add(time.Minute)}, stop
	}
	ended := func(t *testing.T, c context.Context, want error) {
		t.Helper()
		select {
		case <-c.Done():
		default:
			t.Error("Done is open")
		}
		if err := c.Err(); !errors.Is(err, want) {
			t.Errorf("Err is %v, want %v", err, want)
		}
	}
	for name, c := range map[string]struct {
		how  func(*handlerContext, context.CancelFunc)
		want error
	}{
		"deadline": {func(*handlerContext, context.CancelFunc) { time.Sleep(time.Minute) }, context.DeadlineExceeded},
		"server":   {func(_ *handlerContext, stop context.CancelFunc) { stop() }, context.Canceled},
		"return":   {func(c *handlerContext, _ context.CancelFunc) { c.end(context.Canceled) }, context.Canceled},
	} {
		for _, early := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, stop := open(t)
					if early { // somebody waits already
						ctx.Done()
					}
					if ctx.Err() != nil {
						t.Fatal("ended before it began")
					}
					child, cancel := context.WithCancel(ctx)
					defer cancel()
					c.how(ctx, stop)
					synctest.Wait()
					if !early {
						if err := ctx.Err(); !errors.Is(err, c.want) {
							t.Errorf("Err is %v, want %v", err, c.want)
						}
						synctest.Wait()
					}
					ended(t, ctx, c.want)
					ended(t, child, c.want)
				})
			})
		}
	}
}

// A time for resumption of less than a second is not announced as none.
func TestEnabledBelowASecond(t *testing.T) {
	for limit, want := range map[time.Duration]bool{time.Minute: true, 500 * time.Millisecond: false} {
		c := &conn{s: &Server{limits: Limits{Resume: limit}}}
		if got := c.enabled("true"); strings.Contains(got, " max='") != want || !strings.HasSuffix(got, "'/>") {
			t.Errorf("%v: %s", limit, got)
		}
	}
}

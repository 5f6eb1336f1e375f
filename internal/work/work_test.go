package work

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Work
		var began, ended atomic.Int32
		for range 3 {
			go w.Do(func(ctx context.Context) {
				began.Add(1)
				<-ctx.Done()
				ended.Add(1)
			})
			synctest.Wait()
		}
		w.Close()
		w.Close()
		w.Do(func(context.Context) { t.Error("called after Close") })
		if began.Load() != 3 || ended.Load() != 3 {
			t.Errorf("%d began and %d ended, want 3", began.Load(), ended.Load())
		}
	})
	new(Work).Close()
}

package lane

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOrderPerKeyConcurrentAcross(t *testing.T) {
	const keys, items = 20, 500
	var mu sync.Mutex
	got := map[int][]int{}
	p := New(items, time.Second, func(k, v int) {
		mu.Lock()
		got[k] = append(got[k], v)
		mu.Unlock()
	})
	var wg sync.WaitGroup
	for k := range keys {
		wg.Go(func() {
			for v := range items {
				if !p.Push(nil, k, v) {
					t.Errorf("key %d: item %d refused", k, v)
				}
			}
		})
	}
	wg.Wait()
	p.Wait()
	for k := range keys {
		if len(got[k]) != items {
			t.Fatalf("key %d: %d items, want %d", k, len(got[k]), items)
		}
		for i, v := range got[k] {
			if v != i {
				t.Fatalf("key %d: item %d at place %d", k, v, i)
			}
		}
	}
	if n := p.Busy(); n != 0 {
		t.Errorf("%d lanes left", n)
	}
}

func TestOneStuckLaneLeavesOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var done atomic.Int64
		p := New(8, 2*time.Second, func(k string, v int) {
			if k == "stuck" {
				<-release
			}
			done.Add(1)
		})
		for v := range 8 {
			if !p.Push(nil, "stuck", v) {
				t.Fatalf("item %d refused by a lane with room", v)
			}
		}
		begin := time.Now()
		if p.Push(nil, "stuck", 8) {
			t.Fatal("a full lane took another item")
		}
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("first refusal took %v, want the patience of 2s", took)
		}
		begin = time.Now()
		if p.Push(nil, "stuck", 9) || time.Since(begin) != 0 {
			t.Errorf("a stuck lane must refuse at once, took %v", time.Since(begin))
		}
		if !p.Push(nil, "free", 1) {
			t.Error("another lane refused")
		}
		close(release)
		synctest.Wait()
		if !p.Push(nil, "stuck", 10) {
			t.Error("a drained lane still refuses")
		}
		p.Wait()
		if n := done.Load(); n != 10 {
			t.Errorf("%d items done, want 10", n)
		}
	})
}

func TestFullLaneWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(4, 10*time.Second, func(k string, v int) { time.Sleep(time.Second) })
		begin := time.Now()
		for v := range 12 {
			if !p.Push(nil, "slow", v) {
				t.Fatalf("item %d refused though the lane drains", v)
			}
		}
		if took := time.Since(begin); took < 7*time.Second || took > 9*time.Second {
			t.Errorf("pushing 12 items through a lane of 4 took %v, want about 8s", took)
		}
		p.Wait()
	})
}

func TestCancelledPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := New(1, time.Hour, func(string, int) { <-release })
		p.Push(nil, "k", 0)
		cancel := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(cancel) })
		begin := time.Now()
		if p.Push(cancel, "k", 1) {
			t.Error("pushed onto a full lane")
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %v, want 1s", took)
		}
		close(release)
		p.Wait()
	})
}

func TestTryPushDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := New(2, time.Minute, func(string, int) { <-release })
		begin := time.Now()
		for v := range 2 {
			if !p.TryPush("k", v) {
				t.Fatalf("item %d refused by a lane with room", v)
			}
		}
		if p.TryPush("k", 2) {
			t.Error("a full lane took another item")
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
		waiting := make(chan bool)
		go func() { waiting <- p.Push(nil, "k", 3) }()
		synctest.Wait()
		close(release)
		if !<-waiting {
			t.Error("the lane is stuck because somebody did not want to wait")
		}
		p.Wait()
	})
}

func BenchmarkPush(b *testing.B) {
	b.ReportAllocs()
	var done atomic.Int64
	p := New(1024, time.Minute, func(string, int) { done.Add(1) })
	for b.Loop() {
		p.Push(nil, "one pair", 1)
	}
	p.Wait()
}

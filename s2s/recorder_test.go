package s2s

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
)

// The recording of the route that was quiet for longest makes room for another.
func TestRecordingsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(2)
		route := func(i int) Route {
			return Route{jid.MustParse("capulet.example"), jid.MustParse(fmt.Sprintf("r%d.example", i))}
		}
		for i := range maxRecorded {
			r.note(route(i), streamOpened, "outgoing")
			time.Sleep(time.Second)
		}
		for range 3 { // more than the ring holds
			r.note(route(0), streamClosed, "outgoing")
		}
		time.Sleep(time.Second)
		r.note(route(maxRecorded), streamOpened, "outgoing")
		if got := len(r.routes); got != maxRecorded {
			t.Errorf("%d recordings, want %d", got, maxRecorded)
		}
		for i, want := range map[int]int{0: 2, 1: 0, 2: 1, maxRecorded: 1} {
			if got := len(r.list(route(i))); got != want {
				t.Errorf("%d events of route %d, want %d", got, i, want)
			}
		}
	})
}

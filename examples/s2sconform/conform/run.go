package conform

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

// Result is what came of one scenario.
type Result struct {
	ID      string        `json:"id"`
	Group   string        `json:"group"`
	Title   string        `json:"title"`
	Clause  string        `json:"clause"`
	Level   Level         `json:"level"`
	Role    Role          `json:"role"`
	Outcome Outcome       `json:"outcome"`
	Detail  string        `json:"detail,omitempty"` // why, unless it passes
	Took    time.Duration `json:"took_ns"`
	// Transcript is what went over the wire last, unless it passes: the name of a
	// connection, ">" for what the suite sent and "<" for what it received.
	Transcript []string `json:"transcript,omitempty"`
}

// Findings is what came of a run.
type Findings struct {
	Software string // what the target calls itself (XEP-0092); empty: it does not say
	Results  []Result
}

// Run plays scenarios, up to parallel of them at a time, and returns their
// results in the same order. It closes the listener of e. The error says why
// the target cannot be checked at all: it must be reachable, authenticate a good
// certificate, and answer a ping over a stream that it opens, and where there is
// an account it must be possible to log in.
//
// done, unless it is nil, is called with each result as it is there, from one
// goroutine at a time.
func Run(ctx context.Context, e *Env, list []Scenario, parallel int, done func(Result)) (*Findings, error) {
	p := newPlay(e)
	defer p.hub.close()
	software := ""
	if r := p.one(ctx, Scenario{run: func(d *driver) { software = d.software() }}); r.Outcome != Passes {
		return nil, fmt.Errorf("conform: %s cannot be checked: %s\n%s", e.Target.name(), r.Detail, strings.Join(r.Transcript, "\n"))
	}
	if e.Target.Login != nil {
		if err := p.login(ctx); err != nil {
			return nil, fmt.Errorf("conform: %s cannot be checked: nobody there is available: %w", e.Target.name(), err)
		}
	}
	results := make([]Result, len(list))
	var mu sync.Mutex
	report := func(i int, r Result) {
		mu.Lock()
		defer mu.Unlock()
		results[i] = r
		if done != nil {
			done(r)
		}
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(parallel, 1))
	for i, s := range list {
		if s.Last {
			wg.Wait()
			report(i, p.one(ctx, s))
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			report(i, p.one(ctx, s))
		})
	}
	wg.Wait()
	return &Findings{software, results}, ctx.Err()
}

// login makes somebody at the target available for a moment.
func (p *play) login(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.env.patience())
	defer cancel()
	u, err := p.env.Target.Login(ctx)
	if err != nil {
		return err
	}
	return u.Close()
}

// One plays a single scenario. It closes the listener of e.
func One(ctx context.Context, e *Env, s Scenario) Result {
	p := newPlay(e)
	defer p.hub.close()
	return p.one(ctx, s)
}

// play is what the scenarios of one run have in common.
type play struct {
	env *Env
	hub *hub
	tag string // makes our domains new to the target

	mu sync.Mutex
	n  int // scenarios begun

	userBusy sync.Mutex // held by the scenario that needs somebody at the target
}

func newPlay(e *Env) *play {
	return &play{env: e, hub: newHub(e.Listener), tag: newTag()}
}

// verdict ends a scenario, by way of panic.
type verdict struct {
	outcome Outcome
	detail  string
}

// one plays a scenario.
func (p *play) one(ctx context.Context, s Scenario) Result {
	r := Result{ID: s.ID, Group: s.Group, Title: s.Title, Clause: s.Clause, Level: s.Level, Role: s.Role}
	begin := time.Now()
	log := new(wire.Log)
	v := verdict{outcome: Skipped, detail: "interrupted"}
	if ctx.Err() == nil {
		d := newDriver(ctx, p, log)
		v = judge(s, d)
		d.close()
		if errors.Is(ctx.Err(), context.Canceled) && v.outcome != Passes {
			v = verdict{outcome: Skipped, detail: "interrupted"}
		}
	}
	r.Outcome, r.Detail, r.Took = v.outcome, v.detail, time.Since(begin)
	if r.Outcome == Fails || r.Outcome == Deviates {
		r.Transcript = log.Lines()
	}
	return r
}

// judge runs a scenario. What breaks a row of level SHOULD deviates.
func judge(s Scenario, d *driver) (v verdict) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case verdict:
			v = p
			if v.outcome == Fails && s.Level == Should {
				v.outcome = Deviates
			}
		default:
			panic(p)
		}
	}()
	s.run(d)
	return verdict{outcome: Passes}
}

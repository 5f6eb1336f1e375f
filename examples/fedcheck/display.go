package main

import (
	"fmt"
	"io"
	"time"

	"isthmus.im/s2s"
)

// display prints the findings about a domain: to a terminal with colours and a
// last line that says that something is still under way.
type display struct {
	w      io.Writer
	domain string
	live   bool
	target string // the last one shown
}

const (
	erase  = "\r\x1b[K"
	reset  = "\x1b[0m"
	bold   = "\x1b[1m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	faint  = "\x1b[2m"
)

func (d *display) begin() {
	if !d.live {
		return
	}
	fmt.Fprintf(d.w, "%s%s%s\n", bold, d.domain, reset)
	d.wait()
}

func (d *display) wait() { fmt.Fprint(d.w, faint, "  ...", reset) }

// show prints a finding as soon as it is made.
func (d *display) show(f s2s.Finding) {
	where := f.Target
	if f.Addr != "" {
		where += " (" + f.Addr + ")"
	}
	took := f.Took.Round(time.Millisecond)
	if !d.live {
		fmt.Fprintf(d.w, "%s: %s: %s: %s", d.domain, f.Step, f.Status, f.Code)
		for _, part := range []string{where, f.Detail, f.Remedy} {
			if part != "" {
				fmt.Fprint(d.w, "; ", part)
			}
		}
		fmt.Fprintf(d.w, " [%v]\n", took)
		return
	}
	fmt.Fprint(d.w, erase)
	if where != d.target {
		d.target = where
		fmt.Fprintf(d.w, "  %s\n", where)
	}
	colour, mark := green, "ok  "
	switch f.Status {
	case s2s.StatusInfo:
		colour, mark = faint, "-   "
	case s2s.StatusWarning:
		colour, mark = yellow, "warn"
	case s2s.StatusFailed:
		colour, mark = red, "FAIL"
	}
	text := f.Detail
	if f.Code != s2s.CodeOK {
		text = string(f.Code)
		if f.Detail != "" {
			text += ": " + f.Detail
		}
	}
	fmt.Fprintf(d.w, "  %s%s%s %-9s %6v  %s\n", colour, mark, reset, f.Step, took, text)
	if f.Remedy != "" {
		fmt.Fprintf(d.w, "       %s\n", f.Remedy)
	}
	d.wait()
}

// end prints the verdict.
func (d *display) end(r *s2s.Report, good bool) {
	verdict, colour := "reachable", green
	switch {
	case !good:
		verdict, colour = "not reachable: "+string(r.Code), red
	case !r.Reachable:
		verdict, colour = "reachable as far as can be told without a certificate of your own", yellow
	case r.Code != s2s.CodeOK:
		verdict, colour = "reachable, but: "+string(r.Code), yellow
	}
	took := r.Took.Round(time.Millisecond)
	if d.live {
		fmt.Fprintf(d.w, "%s  %s%s%s (%v)\n\n", erase, colour, verdict, reset, took)
		return
	}
	fmt.Fprintf(d.w, "%s: %s [%v]\n", d.domain, verdict, took)
}

package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"isthmus.im/examples/s2sconform/conform"
	"isthmus.im/examples/s2sconform/report"
)

func sample() (*report.Report, *report.Report) {
	row := func(id string, o conform.Outcome, detail string, transcript ...string) conform.Result {
		return conform.Result{ID: id, Group: "headers", Title: "the " + id, Clause: "RFC 6120 section 4.7.1", Level: conform.Must,
			Role: conform.Acceptor, Outcome: o, Detail: detail, Took: time.Millisecond, Transcript: transcript}
	}
	one := &report.Report{Target: "One", Domain: "one.example", Software: "One 1.0", Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Took: time.Second,
		Results: []conform.Result{row("first", conform.Passes, ""), row("second", conform.Fails, "it <is> broken", "C1> <a/>", "C1< <b/>"), row("third", conform.Skipped, "not there")}}
	two := &report.Report{Target: "Two", Domain: "two.example", Date: one.Date.AddDate(0, 0, 1),
		Results: []conform.Result{row("first", conform.Deviates, "so-so", "C1> <a/>"), row("other", conform.Passes, "")}}
	return one, two
}

func TestJSON(t *testing.T) {
	one, _ := sample()
	file := filepath.Join(t.TempDir(), "one.json")
	var b bytes.Buffer
	if err := one.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := report.Read(file)
	if err != nil || !reflect.DeepEqual(again, one) {
		t.Errorf("%+v, %v", again, err)
	}
	for _, text := range []string{"", "{}", `{"target":"x"}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Read(file); err == nil {
			t.Errorf("%q is a report", text)
		}
	}
}

func TestText(t *testing.T) {
	one, _ := sample()
	var b strings.Builder
	if err := one.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"passes    first ", "fails     second ", "RFC 6120 section 4.7.1", "          it <is> broken\n",
		"\nOne (One 1.0): 1 pass, 0 deviate, 1 fail, 1 skipped, in 1s\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q in\n%s", want, &b)
		}
	}
}

// In brief, what passes or was skipped is left out.
func TestBrief(t *testing.T) {
	one, two := sample()
	var b strings.Builder
	for _, r := range []*report.Report{one, two} {
		if err := r.WriteText(&b, true); err != nil {
			t.Fatal(err)
		}
	}
	const want = "fails     second                       RFC 6120 section 4.7.1             the second\n          it <is> broken\n\n" +
		"One (One 1.0): 1 pass, 0 deviate, 1 fail, 1 skipped, in 1s\n" +
		"deviates  first                        RFC 6120 section 4.7.1             the first\n          so-so\n\n" +
		"Two: 1 pass, 1 deviate, 0 fail, 0 skipped, in 0s\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// The date is the latest, however the days compare as texts; a group without
// trouble can be told.
func TestDatesAndGroups(t *testing.T) {
	one, two := sample()
	one.Date = time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)
	two.Date = time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	one.Results[0].Group, two.Results[0].Group = "good", "good"
	two.Results[0].Outcome = conform.Passes
	for _, reports := range [][]*report.Report{{one, two}, {two, one}} {
		var b strings.Builder
		if err := report.WriteHTML(&b, reports...); err != nil {
			t.Fatal(err)
		}
		for want, times := range map[string]int{"10 January 2026": 1, "9 January 2026": 0, `<tr class="group group-passes">`: 1, `<tr class="group group-fails">`: 1} {
			if n := strings.Count(b.String(), want); n != times {
				t.Errorf("%q is there %d times, want %d", want, n, times)
			}
		}
	}
}

func TestHTML(t *testing.T) {
	one, two := sample()
	var b strings.Builder
	if err := report.WriteHTML(&b, one, two); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for want, times := range map[string]int{
		"<tr class=\"row-": 4, "<td class=\"cell\">": 8, "<details>": 2, "it &lt;is&gt; broken": 1, "C1&gt; &lt;a/&gt;": 2,
		`<tr class="row-deviates" id="first">`: 1, `<tr class="row-fails" id="second">`: 1, `<tr class="row-passes" id="other">`: 1,
		"4 scenarios": 1, "3 January 2026": 1, "<b>One</b>": 1, "http://": 0, "https://": 0, "<script": 0, "ZgotmplZ": 0,
	} {
		if n := strings.Count(page, want); n != times {
			t.Errorf("%q is there %d times, want %d", want, n, times)
		}
	}
	for _, tag := range []string{"tr", "td", "th", "table", "details", "pre", "div", "span", "p"} {
		if open, closed := strings.Count(page, "<"+tag+" ")+strings.Count(page, "<"+tag+">"), strings.Count(page, "</"+tag+">"); open != closed {
			t.Errorf("%d <%s> and %d </%s>", open, tag, closed, tag)
		}
	}
}

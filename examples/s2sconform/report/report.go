// Package report shows the results of package conform: as text, as JSON and as
// a page of HTML that needs nothing else.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"isthmus.im/examples/s2sconform/conform"
)

// Report is what came of one target.
type Report struct {
	Target   string           `json:"target"` // its name
	Domain   string           `json:"domain"`
	Software string           `json:"software,omitempty"` // as it calls itself
	Date     time.Time        `json:"date"`
	Took     time.Duration    `json:"took_ns"`
	Results  []conform.Result `json:"results"`
}

// Count returns how many scenarios had an outcome.
func (r *Report) Count(o conform.Outcome) int {
	n := 0
	for _, x := range r.Results {
		if x.Outcome == o {
			n++
		}
	}
	return n
}

// Outcomes returns all outcomes, the best first.
func Outcomes() []conform.Outcome {
	return []conform.Outcome{conform.Passes, conform.Deviates, conform.Fails, conform.Skipped}
}

// WriteJSON writes the report.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// Read reads a file that WriteJSON wrote.
func Read(file string) (*Report, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if r.Target == "" || len(r.Results) == 0 {
		return nil, fmt.Errorf("%s is no report", file)
	}
	return r, nil
}

// Trouble reports whether a result is one that the target could do better on.
func Trouble(x conform.Result) bool {
	return x.Outcome == conform.Fails || x.Outcome == conform.Deviates
}

// WriteText writes a line for each scenario, or in brief for each that fails or
// deviates, with the reason unless it passes, and the sums.
func (r *Report) WriteText(w io.Writer, brief bool) error {
	for _, x := range r.Results {
		if brief && !Trouble(x) {
			continue
		}
		if _, err := io.WriteString(w, Line(x)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", r.Sums())
	return err
}

// Line is the line of one result.
func Line(x conform.Result) string {
	line := fmt.Sprintf("%-9s %-28s %-34s %s", x.Outcome, x.ID, x.Clause, x.Title)
	if x.Detail != "" {
		line += "\n          " + x.Detail
	}
	return line + "\n"
}

// Sums is the result in one line.
func (r *Report) Sums() string {
	line := r.Target
	if r.Software != "" {
		line += " (" + r.Software + ")"
	}
	line += ":"
	for i, o := range Outcomes() {
		if i > 0 {
			line += ","
		}
		line += fmt.Sprintf(" %d %s", r.Count(o), word(o))
	}
	return line + fmt.Sprintf(", in %v", r.Took.Round(time.Millisecond))
}

// word is the outcome of several scenarios.
func word(o conform.Outcome) string {
	switch o {
	case conform.Passes:
		return "pass"
	case conform.Deviates:
		return "deviate"
	case conform.Fails:
		return "fail"
	}
	return "skipped"
}

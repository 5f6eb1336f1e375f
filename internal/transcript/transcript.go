package transcript

import (
	"fmt"
	"strings"
)

// Line is an entry of a transcript: a key with its value, or a comment.
type Line struct {
	Key   string
	Value string // line breaks are continuation lines
	Note  string // a comment with its '#', or "" for an empty line; only without Key
}

// Is returns the line "key: value".
func Is(key, value string) Line { return Line{Key: key, Value: value} }

// Parse reads a transcript. The error names the line that cannot be read.
func Parse(text string) ([]Line, error) {
	var lines []Line
	for i, s := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case s == "" || s[0] == '#':
			lines = append(lines, Line{Note: s})
		case strings.HasPrefix(s, "  "):
			if len(lines) == 0 || lines[len(lines)-1].Key == "" {
				return nil, fmt.Errorf("transcript: line %d: nothing to continue", i+1)
			}
			lines[len(lines)-1].Value += "\n" + s[2:]
		default:
			key, value, _ := strings.Cut(s, ":")
			if key == "" || strings.ContainsAny(key, " \t<>") {
				return nil, fmt.Errorf("transcript: line %d: no key in %q", i+1, s)
			}
			lines = append(lines, Line{Key: key, Value: strings.TrimPrefix(value, " ")})
		}
	}
	return lines, nil
}

// Format is the text of lines, the inverse of Parse.
func Format(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.Key)
		switch {
		case l.Key == "":
			b.WriteString(l.Note)
		case l.Value != "":
			b.WriteString(": ")
			b.WriteString(strings.ReplaceAll(l.Value, "\n", "\n  "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Play passes every input of a transcript to step, in order, and returns the
// transcript with step's answers as the expected outputs. Comments keep their
// places among the inputs.
func Play(lines []Line, input func(key string) bool, step func(Line) []Line) []Line {
	var played []Line
	for _, l := range lines {
		switch {
		case l.Key == "":
			played = append(played, l)
		case input(l.Key):
			played = append(played, l)
			played = append(played, step(l)...)
		}
	}
	return played
}

// Diff describes the first difference between two texts with the line before it,
// and is empty when they are equal.
func Diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := at(w, i), at(g, i)
		if a != b {
			return fmt.Sprintf("line %d, after %q\nwant %q\ngot  %q", i+1, at(w, i-1), a, b)
		}
	}
	return ""
}

func at(lines []string, i int) string {
	if i < 0 || i >= len(lines) {
		return "(nothing)"
	}
	return lines[i]
}

package transcript

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

const sample = `# Two questions.
ask: one

ask: two
  lines
answer: two
  LINES
quiet
`

func isInput(key string) bool { return key == "ask" || key == "quiet" }

func upper(l Line) []Line {
	first, rest, more := strings.Cut(l.Value, "\n")
	if !more {
		return nil
	}
	return []Line{Is("answer", first+"\n"+strings.ToUpper(rest))}
}

func TestFormatIsInverseOfParse(t *testing.T) {
	lines, err := Parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	if got := Format(lines); got != sample {
		t.Errorf("Format(Parse(s)) = %q, want %q", got, sample)
	}
	if want := Is("ask", "two\nlines"); lines[3] != want {
		t.Errorf("line 4 = %+v, want %+v", lines[3], want)
	}
}

func TestPlay(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"as expected", sample, sample},
		{"missing answer", strings.Replace(sample, "answer: two\n  LINES\n", "", 1), sample},
		{"wrong answer", strings.Replace(sample, "LINES", "lines", 1), sample},
		{"answer too many", sample + "answer: three\n", sample},
	} {
		lines, err := Parse(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got := Format(Play(lines, isInput, upper))
		if got != c.want {
			t.Errorf("%s: played %q, want %q", c.name, got, c.want)
		}
		if same := Diff(c.in, got) == ""; same != (c.in == c.want) {
			t.Errorf("%s: Diff finds them equal: %v", c.name, same)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"  continued", "# note\n  continued", ": no key", "two words: x", "<stream>"} {
		if lines, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", s, lines)
		}
	}
}

func TestDiffNamesTheLine(t *testing.T) {
	if got := Diff("a\nb\nc", "a\nb\nd"); !strings.Contains(got, "line 3") || !strings.Contains(got, `"d"`) {
		t.Errorf("Diff = %q", got)
	}
	if got := Diff("a\nb", "a"); !strings.Contains(got, "(nothing)") {
		t.Errorf("Diff of a text cut short = %q", got)
	}
}

func TestRunPlaysFiles(t *testing.T) {
	var ran int
	Run(t, "testdata/*.txt", *update, func(t *testing.T, lines []Line) []Line {
		ran++
		return Play(lines, isInput, upper)
	})
	if ran != 1 {
		t.Errorf("Run played %d files, want 1", ran)
	}
}

func TestRunUpdates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stale.txt")
	if err := os.WriteFile(file, []byte("ask: x\n  y\nanswer: stale\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	Run(t, file, true, func(t *testing.T, lines []Line) []Line { return Play(lines, isInput, upper) })
	if got, err := os.ReadFile(file); err != nil || string(got) != "ask: x\n  y\nanswer: x\n  Y\n" {
		t.Errorf("after an update the file holds %q (%v)", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("key")
	f.Add("a: \n  b")
	f.Fuzz(func(t *testing.T, s string) {
		lines, err := Parse(s)
		if err != nil {
			return
		}
		text := Format(lines)
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%q formatted as %q: %v", s, text, err)
		}
		if Format(again) != text {
			t.Fatalf("%q: %q formatted again as %q", s, text, Format(again))
		}
	})
}

func ExamplePlay() {
	lines, err := Parse("# Multiplication.\ndouble: 2\ndouble: 21\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	played := Play(lines, func(key string) bool { return key == "double" }, func(l Line) []Line {
		var n int
		fmt.Sscan(l.Value, &n)
		return []Line{Is("result", fmt.Sprint(2*n))}
	})
	fmt.Print(Format(played))
	// Output:
	// # Multiplication.
	// double: 2
	// result: 4
	// double: 21
	// result: 42
}

package transcript

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Run plays every transcript that matches glob as a subtest named after its file.
// play gets the lines of one and returns them as played, see [Play]. With update
// the files are rewritten instead of compared. A glob that matches nothing fails.
func Run(t *testing.T, glob string, update bool, play func(*testing.T, []Line) []Line) {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("transcript: no file matches %s (%v)", glob, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines, err := Parse(string(text))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			got := Format(play(t, lines))
			switch diff := Diff(string(text), got); {
			case diff == "":
			case update:
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s: %s", file, diff)
			}
		})
	}
}

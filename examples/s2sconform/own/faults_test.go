package own_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the project's, from here.
const root = "../../.."

// fault is a deliberate mistake in the library. Its file says in this order what
// is wrong, which scenarios fail because of it, and in which file what lines are
// changed: those that begin with a space stay, those with a minus go, those with
// a plus come. The lines that are there already must be there once.
type fault struct {
	name, title, file string
	fails             []string
	old, new          string
}

func faults(t *testing.T) []fault {
	t.Helper()
	files, err := filepath.Glob("testdata/faults/*.patch")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d faults, %v", len(files), err)
	}
	var list []fault
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parseFault(string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f.name = strings.TrimSuffix(filepath.Base(name), ".patch")
		list = append(list, f)
	}
	return list
}

func parseFault(text string) (fault, error) {
	var f fault
	head, body, ok := strings.Cut(text, "\n@@\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) != 3 {
		return f, errors.New("three lines, @@ and the change are expected")
	}
	fails, ok1 := strings.CutPrefix(lines[1], "fails: ")
	file, ok2 := strings.CutPrefix(lines[2], "file: ")
	if !ok1 || !ok2 {
		return f, errors.New("fails: and file: are expected")
	}
	f.title, f.fails, f.file = lines[0], strings.Fields(fails), file
	for line := range strings.Lines(body) {
		switch line[0] {
		case ' ':
			f.old += line[1:]
			f.new += line[1:]
		case '-':
			f.old += line[1:]
		case '+':
			f.new += line[1:]
		default:
			return f, fmt.Errorf("a line begins with %q", line[0])
		}
	}
	if f.old == "" || f.old == f.new {
		return f, errors.New("nothing is changed")
	}
	return f, nil
}

// apply returns the file with the fault in it.
func (f fault) apply() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, f.file))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), f.old); n != 1 {
		return nil, fmt.Errorf("these lines are in %s %d times, not once:\n%s", f.file, n, f.old)
	}
	return []byte(strings.Replace(string(text), f.old, f.new, 1)), nil
}

// Every fault still fits the library.
func TestFaultsApply(t *testing.T) {
	for _, f := range faults(t) {
		text, err := f.apply()
		if err != nil {
			t.Errorf("%s does not apply any more: %v", f.name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), f.file, text, 0); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

// Every fault is found by the scenarios that it names. It is compiled in by way
// of go test -overlay, so that no file of the library changes. This takes a
// minute or two and has to be asked for, as make faults does.
func TestFaults(t *testing.T) {
	if os.Getenv("FAULTS") != "on" {
		t.Skip("FAULTS=on, or make faults, shows that the suite finds faults")
	}
	dir := t.TempDir()
	for _, f := range faults(t) {
		t.Run(f.name, func(t *testing.T) {
			failed := f.failures(t, dir)
			t.Logf("%s: %d scenarios fail: %s", f.title, len(failed), strings.Join(failed, " "))
			for _, id := range f.fails {
				if !slices.Contains(failed, id) {
					t.Errorf("%s does not", id)
				}
			}
		})
	}
}

var failure = regexp.MustCompile(`(?m)^    --- FAIL: TestConformance/(\S+)`)

// failures plays all scenarios against a library with the fault and returns
// those that fail.
func (f fault) failures(t *testing.T, dir string) []string {
	t.Helper()
	text, err := f.apply()
	if err != nil {
		t.Fatalf("it does not apply any more: %v", err)
	}
	path, err := filepath.Abs(filepath.Join(root, f.file))
	if err != nil {
		t.Fatal(err)
	}
	source, overlay := filepath.Join(dir, f.name+".go"), filepath.Join(dir, f.name+".json")
	replaced, err := json.Marshal(map[string]map[string]string{"Replace": {path: source}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{source: text, overlay: replaced} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, f.name+".test")
	if out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(binary, "-test.run", "^TestConformance$", "-test.timeout", "2m").CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range failure.FindAllStringSubmatch(string(out), -1) {
		ids = append(ids, m[1])
	}
	if len(ids) == 0 {
		t.Fatalf("no scenario fails: %v\n%.2000s", err, out)
	}
	return ids
}

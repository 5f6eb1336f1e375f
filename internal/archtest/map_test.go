package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const mapFile = "internal/README.md"

func readMap(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(mapFile)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The import table for people is the one that is enforced.
func TestMapOfImports(t *testing.T) {
	var rows []string
	for line := range strings.Lines(readMap(t)) {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, strings.TrimSuffix(line, "\n"))
		}
	}
	for i, a := range allowed {
		first, last := "| `"+a.path+"` | ", " | |"
		if len(a.imports) > 0 {
			last = " | `" + strings.Join(a.imports, "` `") + "` |"
		}
		if i >= len(rows) || !strings.HasPrefix(rows[i], first) || !strings.HasSuffix(rows[i], last) {
			t.Fatalf("row %d of the table in %s should be\n%s...%s", i+1, mapFile, first, last)
		}
	}
	if len(rows) > len(allowed) {
		t.Errorf("the table in %s has a row that is not in the import table:\n%s", mapFile, rows[len(allowed)])
	}
}

// What the map names as `file.go` or `file.go:function` is there.
func TestMapOfFiles(t *testing.T) {
	names := regexp.MustCompile("`([\\w/]+\\.go)(?::(\\w+))?`").FindAllStringSubmatch(readMap(t), -1)
	if len(names) < 20 {
		t.Errorf("%s names %d files only", mapFile, len(names))
	}
	for _, n := range names {
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(n[1])))
		if err != nil {
			t.Errorf("%s: %v", mapFile, err)
			continue
		}
		function := regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + n[2] + `[(\[]`)
		if n[2] != "" && !function.Match(source) {
			t.Errorf("%s: there is no function %s in %s", mapFile, n[2], n[1])
		}
	}
}

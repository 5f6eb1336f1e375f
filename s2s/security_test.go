package s2s

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The limits are written down three times: as code, in the comments of Limits
// for those who set them, and in SECURITY.md for those who judge them.
func TestLimitsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var l Limits
	if err := l.fill(); err != nil {
		t.Fatal(err)
	}
	fields := limitComments(t)
	if n := reflect.TypeFor[Limits]().NumField(); len(fields) != n {
		t.Fatalf("%d fields of %d have a comment", len(fields), n)
	}
	var rows []string
	for _, f := range fields {
		what, value, ok := strings.Cut(f[1], "; ")
		if !ok {
			t.Errorf("the comment of %s names no default", f[0])
			continue
		}
		got := reflect.ValueOf(l).FieldByName(f[0]).Int()
		if want, err := quantity(value); err != nil || got != want {
			t.Errorf("%s is %d, not %s (%v)", f[0], got, value, err)
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", f[0], what, value))
	}
	if table := strings.Join(rows, ""); !strings.Contains(string(text), "|---|---|---|\n"+table+"\n") {
		t.Errorf("SECURITY.md lacks the table\n%s", table)
	}
}

// limitComments returns names and comments of the fields of Limits.
func limitComments(t *testing.T) (fields [][2]string) {
	f, err := parser.ParseFile(token.NewFileSet(), "limits.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Limits" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			if len(field.Names) == 1 && field.Comment != nil {
				fields = append(fields, [2]string{field.Names[0].Name, strings.TrimSpace(field.Comment.Text())})
			}
		}
		return false
	})
	return fields
}

// quantity reads numbers as the comments write them: "512 KiB", "5 min", "1,024".
func quantity(s string) (int64, error) {
	number, unit, _ := strings.Cut(strings.ReplaceAll(s, ",", ""), " ")
	factor, ok := map[string]int64{
		"": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20,
		"s": int64(time.Second), "min": int64(time.Minute),
	}[unit]
	if !ok {
		return 0, fmt.Errorf("unknown unit %q", unit)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	return n * factor, err
}

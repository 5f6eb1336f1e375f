package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every block of Go in README.md follows a line that says where it is from:
//
//	<!-- example: s2s/example_test.go ExampleServer -->
//
// for the body of that function, without the comment with its output, or
//
//	<!-- example: examples/embedded/main.go -->
//
// for a whole file.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range readmeFaults(string(text), func(name string) (string, error) {
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		return string(b), err
	}) {
		t.Errorf("README.md:%s", fault)
	}
}

var marker = regexp.MustCompile(`^<!-- example: (\S+)(?: (\w+))? -->$`)

// readmeFaults says what is wrong with the blocks of Go in a text. The function
// returns the text of a file of the repository.
func readmeFaults(text string, file func(name string) (string, error)) (faults []string) {
	lines := strings.Split(text, "\n")
	var origin []string // the last marker, until something else comes
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		switch {
		case line == "":
			continue
		case marker.MatchString(line):
			origin = marker.FindStringSubmatch(line)
			continue
		case !strings.HasPrefix(line, "```"):
			origin = nil
			continue
		}
		start := i
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
		}
		if info := strings.Fields(line[3:]); len(info) > 0 && strings.EqualFold(info[0], "go") {
			block := strings.Join(lines[start+1:min(i, len(lines))], "\n")
			if fault := blockFault(block, origin, file); fault != "" {
				faults = append(faults, fmt.Sprintf("%d: %s", start+1, fault))
			}
		}
		origin = nil
	}
	return faults
}

func blockFault(block string, origin []string, file func(string) (string, error)) string {
	if origin == nil {
		return "Go without a line that says which example it is"
	}
	source, err := file(origin[1])
	if err != nil {
		return err.Error()
	}
	if origin[2] != "" {
		if source, err = body(source, origin[2]); err != nil {
			return fmt.Sprintf("%s: %v", origin[1], err)
		}
	}
	if strings.TrimSpace(block) != strings.TrimSpace(source) {
		return fmt.Sprintf("differs from %s", strings.Join(origin[1:], " "))
	}
	return ""
}

// body returns the body of a function, with one level of indentation less and
// without the comment with its output.
func body(source, name string) (string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", source, 0)
	if err != nil {
		return "", err
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Name.Name != name || fn.Body == nil {
			continue
		}
		text := source[fset.Position(fn.Body.Lbrace).Offset+1 : fset.Position(fn.Body.Rbrace).Offset]
		var lines []string
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if t := strings.TrimSpace(line); t == "// Output:" || strings.HasPrefix(t, "// Output: ") || strings.HasPrefix(t, "// Unordered output:") {
				break
			}
			lines = append(lines, strings.TrimPrefix(line, "\t"))
		}
		return strings.Join(lines, "\n"), nil
	}
	return "", fmt.Errorf("no function %s", name)
}

func TestReadmeFaults(t *testing.T) {
	const source = "package p\n\nfunc ExampleX() {\n\tx := 1\n\tif x > 0 {\n\t\tprint(x)\n\t}\n\t// Output:\n\t// 1\n}\n"
	file := func(name string) (string, error) {
		if name != "p/x_test.go" {
			return "", os.ErrNotExist
		}
		return source, nil
	}
	const good = "x := 1\nif x > 0 {\n\tprint(x)\n}\n"
	for _, c := range []struct{ name, text, want string }{
		{"no code", "words\n", ""},
		{"other code", "```sh\ngo test\n```\n", ""},
		{"quoted", "<!-- example: p/x_test.go ExampleX -->\n```go\n" + good + "```\n", ""},
		{"quoted after a blank line", "<!-- example: p/x_test.go ExampleX -->\n\n```go\n" + good + "```\n", ""},
		{"whole file", "<!-- example: p/x_test.go -->\n```go\n" + source + "```\n", ""},
		{"unmarked", "```go\n" + good + "```\n", "1: Go without"},
		{"unmarked with attributes", "a\n```Go linenos\n" + good + "```\n", "2: Go without"},
		{"marker too far away", "<!-- example: p/x_test.go ExampleX -->\nwords\n```go\n" + good + "```\n", "3: Go without"},
		{"marker used up", "<!-- example: p/x_test.go ExampleX -->\n```go\n" + good + "```\n```go\n" + good + "```\n", "8: Go without"},
		{"different", "<!-- example: p/x_test.go ExampleX -->\n```go\nx := 2\n```\n", "2: differs from p/x_test.go ExampleX"},
		{"no such example", "<!-- example: p/x_test.go ExampleY -->\n```go\n" + good + "```\n", "2: p/x_test.go: no function ExampleY"},
		{"no such file", "<!-- example: p/y_test.go ExampleX -->\n```go\n" + good + "```\n", "2: file does not exist"},
		{"never ends", "```go\nx", "1: Go without"},
	} {
		got := strings.Join(readmeFaults(c.text, file), "; ")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

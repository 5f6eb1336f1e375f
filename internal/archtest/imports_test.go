package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "isthmus.im"
)

// pkg is a package of the library, as go list describes it.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string // of tests in the package
	XTestImports []string // of tests outside it
}

// packages lists the library's packages. Those of nested modules are not among
// them.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &complaints)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("go list knows of %d packages only", len(all))
	}
	return all
}

// allowed says what the code of a package, or of every package below a path
// that ends in "/...", may import besides the standard library and what lies
// below itself. Entries without a dot in the first element are the library's.
// What is not listed may import nothing else. Imports point down the list.
var allowed = []struct {
	path    string
	imports []string
}{
	{"internal/archtest", nil},
	{"internal/lane", nil},
	{"internal/work", nil},
	{"internal/memnet", nil},
	{"internal/testca", []string{"golang.org/x/crypto/ocsp"}},
	{"internal/transcript", nil},
	{"internal/xmlscan", nil},
	{"internal/pkixid", []string{"golang.org/x/net/idna"}},
	{"internal/locate", []string{"github.com/miekg/dns", "golang.org/x/net/idna", "jid"}},
	{"internal/staple", []string{"golang.org/x/crypto/ocsp"}},
	{"internal/posh", nil},
	{"internal/dane", []string{"internal/locate", "internal/pkixid"}},

	{"jid", []string{"golang.org/x/text/...", "golang.org/x/net/idna"}},

	{"internal/dialback", []string{"internal/xmlscan", "jid"}},
	{"internal/stream", []string{"internal/xmlscan", "jid", "mellium.im/sasl", "mellium.im/xmpp/..."}},

	{"stanza", []string{"internal/xmlscan", "jid"}},
	{"stanza/...", []string{"internal/xmlscan", "jid", "stanza", "stanza/..."}},

	{"internal/sqldb", nil},
	{"roster/...", []string{"internal/sqldb", "jid", "roster", "stanza", "stanza/..."}},
	{"presence/...", []string{"internal/lane", "internal/sqldb", "internal/work", "jid", "presence/...", "roster", "stanza", "stanza/..."}},
	{"mix/...", []string{"internal/lane", "internal/sqldb", "jid", "mix", "stanza", "stanza/..."}},
	{"e2ee/...", []string{"filippo.io/edwards25519/...", "jid", "presence/pep", "e2ee", "stanza", "stanza/..."}},

	{"s2s", []string{
		"internal/dane", "internal/dialback", "internal/lane", "internal/locate", "internal/pkixid", "internal/posh", "internal/staple",
		"internal/stream", "internal/xmlscan",
		"jid", "stanza", "stanza/disco", "golang.org/x/net/publicsuffix", "mellium.im/sasl", "mellium.im/xmlstream", "mellium.im/xmpp/...",
	}},
	{"s2s/s2stest", []string{
		"github.com/miekg/dns", "internal/locate", "internal/memnet", "internal/pkixid", "internal/testca", "internal/transcript", "internal/xmlscan",
		"jid", "s2s", "stanza", "stanza/...",
	}},
	{"s2s/outboxsql", []string{"internal/sqldb", "jid", "s2s", "stanza"}},
}

// helpers are for tests, in addition to what the code may import.
var helpers = []string{
	"internal/memnet", "internal/testca", "internal/transcript", "s2s/s2stest", "golang.org/x/net/nettest",
	"internal/xmlscan", "jid", "stanza", "stanza/...",
}

// nested are modules of their own, which the library knows nothing of.
var nested = []string{"examples", "internal/interop"}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		may, listed := mayImport(path)
		if !listed {
			t.Errorf("%s is not in the import table", path)
			continue
		}
		for _, i := range p.Imports {
			if !permits(may, path, i) {
				t.Errorf("%s must not import %s", path, i)
			}
		}
		for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
			if i != p.ImportPath && !permits(may, path, i) && !permits(helpers, path, i) {
				t.Errorf("the tests of %s must not import %s", path, i)
			}
		}
	}
}

// mayImport finds the line of the table for a package: the one with the
// longest path that fits.
func mayImport(path string) (imports []string, listed bool) {
	longest := -1
	for _, a := range allowed {
		if fits(a.path, path) && len(a.path) > longest {
			imports, listed, longest = a.imports, true, len(a.path)
		}
	}
	return imports, listed
}

// fits reports whether a path is the pattern or, if that ends in "/...", below
// it.
func fits(pattern, path string) bool {
	base, tree := strings.CutSuffix(pattern, "/...")
	return path == base || tree && strings.HasPrefix(path, base+"/")
}

// permits reports whether a package with that path may import another.
func permits(may []string, path, imported string) bool {
	if imported == "C" {
		return false
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	own, ours := strings.CutPrefix(imported, module+"/")
	if ours {
		imported = own
		if strings.HasPrefix(own, path+"/") {
			return !slices.ContainsFunc(nested, func(n string) bool { return fits(n+"/...", own) })
		}
	}
	return slices.ContainsFunc(may, func(pattern string) bool { return fits(pattern, imported) })
}

func TestPermits(t *testing.T) {
	for _, c := range []struct {
		path, imported string
		want           bool
	}{
		{"jid", "strings", true},
		{"jid", "C", false},
		{"jid", "golang.org/x/text/secure/precis", true},
		{"jid", "golang.org/x/text", true},
		{"jid", "golang.org/x/textual", false},
		{"jid", "isthmus.im/stanza", false},
		{"stanza", "isthmus.im/jid", true},
		{"stanza", "isthmus.im/s2s", false},
		{"stanza/disco", "isthmus.im/stanza", true},
		{"presence/pep", "isthmus.im/roster", true},
		{"presence/pep", "isthmus.im/s2s", false},
		{"presence", "isthmus.im/presence/pep", true},
		{"mix", "isthmus.im/internal/interop", false},
		{"s2s", "isthmus.im/presence", false},
		{"s2s", "isthmus.im/examples/chatd", false},
		{"internal/xmlscan", "isthmus.im/jid", false},
	} {
		may, listed := mayImport(c.path)
		if !listed {
			t.Errorf("%s is not listed", c.path)
		}
		if got := permits(may, c.path, c.imported); got != c.want {
			t.Errorf("%s imports %s: %v, want %v", c.path, c.imported, got, c.want)
		}
	}
	if _, listed := mayImport("surprise"); listed {
		t.Error("a package that nobody listed is listed")
	}
}

// The library may require these and nothing else directly.
var requirements = []string{
	"filippo.io/edwards25519",
	"github.com/miekg/dns",
	"golang.org/x/crypto",
	"golang.org/x/net",
	"golang.org/x/text",
	"mellium.im/sasl",
	"mellium.im/xmlstream",
	"mellium.im/xmpp",
}

func TestRequirements(t *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod edit: %v", err)
	}
	var mod struct {
		Module  struct{ Path string }
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace, Tool []any
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	if mod.Module.Path != module {
		t.Errorf("the module is %s, want %s", mod.Module.Path, module)
	}
	if len(mod.Replace) > 0 || len(mod.Tool) > 0 {
		t.Error("go.mod has replace or tool lines, which importers do not get")
	}
	for _, r := range mod.Require {
		if !r.Indirect && !slices.Contains(requirements, r.Path) {
			t.Errorf("go.mod requires %s", r.Path)
		}
	}
	for _, n := range nested {
		if _, err := os.Stat(root + "/" + n + "/go.mod"); err != nil {
			t.Errorf("%s should be a module of its own: %v", n, err)
		}
	}
}

package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// The page runs only what its policy names, and asks nobody else for anything.
func TestPageIsSelfContained(t *testing.T) {
	s := newService(t)
	w := s.do(t, "GET", "/", "", "")
	page, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy %q lacks %q", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for _, tag := range []string{"<script", "<style"} {
		if n := strings.Count(page, tag); n != 1 {
			t.Errorf("%d of %s, of which the policy allows one", n, tag)
		}
	}
	if m := regexp.MustCompile(`(?i) (src|style|on[a-z]+)="|@import|url\(`).FindString(page); m != "" {
		t.Errorf("the page has %q", m)
	}
	for _, link := range regexp.MustCompile(`https?://[^"' )]*`).FindAllString(page, -1) {
		if link != "http://www.w3.org/2000/svg" { // a namespace
			t.Errorf("the page refers to %s", link)
		}
	}
	if !strings.Contains(page, `data-domain="capulet.example"`) || strings.Contains(page, "%DOMAIN%") {
		t.Error("the page does not know its domain")
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The page does something about each type of event there is, and has a word for each way
// in which a contact can be there or not known to be.
func TestPageHandlesEvents(t *testing.T) {
	page := newService(t).do(t, "GET", "/", "", "").Body.String()
	source, err := parser.ParseFile(token.NewFileSet(), "../store/store.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	types := 0
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Type") {
			types++
			if want := "case " + spec.Values[0].(*ast.BasicLit).Value + ":"; !strings.Contains(page, want) {
				t.Errorf("the page lacks %s", want)
			}
		}
		return true
	})
	if types < 7 {
		t.Errorf("%d types of events found", types)
	}
	_, words, _ := strings.Cut(page, "const says = {")
	words, _, _ = strings.Cut(words, "}")
	for _, show := range []string{"online", "chat", "away", "xa", "dnd", "unknown"} {
		if !strings.Contains(words, " "+show+": \"") {
			t.Errorf("the page has no word for %s", show)
		}
	}
	if !strings.Contains(page, `put("presence", { show: "offline" })`) {
		t.Error("whoever signs out stays online")
	}
}

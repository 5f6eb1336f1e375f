package api_test

import (
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

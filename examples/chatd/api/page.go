package api

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"net/http"
	"strings"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// page is the web page, which needs nothing that it does not contain.
type page struct {
	html   []byte
	policy string
}

func newPage(domain string) page {
	src := strings.NewReplacer("%DOMAIN%", html.EscapeString(domain), "%STYLE%", pageCSS, "%SCRIPT%", pageJS).Replace(pageHTML)
	return page{
		html: []byte(src),
		policy: "default-src 'none'; connect-src 'self'; img-src data:; script-src " + digest(src, "script") +
			"; style-src " + digest(src, "style") +
			"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// digest is the source expression (CSP Level 3 section 2.3.1) that allows the
// only element of this name in src and no other.
func digest(src, name string) string {
	_, rest, _ := strings.Cut(src, "<"+name+">")
	content, _, _ := strings.Cut(rest, "</"+name+">")
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (p page) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", p.policy)
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	w.Write(p.html)
}

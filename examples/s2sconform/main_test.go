package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"isthmus.im/examples/s2sconform/report"
	"isthmus.im/internal/testca"
)

func TestList(t *testing.T) {
	var out, errs strings.Builder
	if status := run(t.Context(), []string{"-list"}, &out, &errs); status != 0 || errs.Len() > 0 {
		t.Fatalf("status %d: %s", status, &errs)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) < 120 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if !strings.Contains(line, " section ") {
			t.Errorf("%s", line)
		}
	}
}

func TestListAsJSON(t *testing.T) {
	var out, errs strings.Builder
	if status := run(t.Context(), []string{"-list", "-json", "-run", "^sm-resume"}, &out, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, &errs)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(out.String()), &list); err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s["id"] == "sm-resume" && s["clause"] == "XEP-0198 section 5" && s["level"] == "MUST" && s["role"] == "acceptor" && s["title"] != "" {
			return
		}
	}
	t.Errorf("no sm-resume in %s", &out)
}

// Too much that is skipped is as bad as nothing that is checked.
func TestSkips(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-own", "-run", "^dialback-verify$"}, 0, ""},
		{[]string{"-own", "-run", "^dialback-verify$", "-skips", "1"}, 0, ""},
		{[]string{"-own", "-run", "^dialback-verify$", "-skips", "0"}, 2, "1 scenarios were skipped, more than 0"},
		{[]string{"-own", "-dialback", "-run", "^dialback-verify$", "-skips", "0"}, 0, ""},
	} {
		var out, errs strings.Builder
		if status := run(t.Context(), append(c.args, "-brief"), &out, &errs); status != c.status || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%q: status %d, %s", c.args, status, &errs)
		}
		if strings.Contains(out.String(), "dialback-verify") {
			t.Errorf("%q: in brief %s", c.args, &out)
		}
	}
}

// Over loopback, with everything that can be printed.
func TestOwn(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	first := filepath.Join(t.TempDir(), "first.json")
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"-own", "-json", "-run", "^(header|sm-|bounce|shutdown)"}, &out, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, &errs)
	}
	if err := os.WriteFile(first, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := report.Read(first)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Count("passes"); n != len(r.Results) || n < 20 || r.Software == "" {
		t.Errorf("%s", r.Sums())
		r.WriteText(t.Output(), false)
	}
	out.Reset()
	if status := run(t.Context(), []string{"-own", "-run", "^iq-", "-html", page, "-with", first}, &out, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, &errs)
	}
	if !strings.Contains(out.String(), "passes    iq-get ") || !strings.Contains(out.String(), " 0 fail, ") {
		t.Errorf("%s", &out)
	}
	html, err := os.ReadFile(page)
	if err != nil || strings.Count(string(html), "<b>Isthmus</b>") != 2 {
		t.Errorf("%v: %.300s", err, html)
	}
}

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	cert := testca.New().Issue(testca.Options{DNS: []string{"conform.example"}})
	chain, key := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	for file, block := range map[string]*pem.Block{
		chain: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, key: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "which server?"},
		{[]string{"surprise"}, `what is "surprise"?`},
		{[]string{"-run", "("}, "-run: "},
		{[]string{"-own", "-target", "x.example"}, "exclude each other"},
		{[]string{"-target", "x.example", "-dialback"}, "-dialback is for -own"},
		{[]string{"-target", "x.example"}, "-cert and -key are needed"},
		{[]string{"-target", "x.example", "-cert", chain, "-key", key, "-ca-key", key}, "-ca-key is the key of -ca"},
		{[]string{"-target", "x.example", "-cert", chain, "-key", key, "-parallel", "0"}, "have to be positive"},
		{[]string{"-target", "x.example", "-cert", chain, "-key", key}, "tls: "},
		{[]string{"-with", filepath.Join(dir, "none.json"), "-html", filepath.Join(dir, "page.html")}, "none.json"},
		{[]string{"-h"}, "usage: s2sconform"},
	} {
		var out, errs strings.Builder
		if status := run(t.Context(), tt.args, &out, &errs); status != 2 || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%q: status %d, %s", tt.args, status, &errs)
		}
	}
}

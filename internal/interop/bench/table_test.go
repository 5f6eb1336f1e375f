package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPrintTable(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"prosody-1-idle.json":  `{"idle_kib": 51, "rss_start_mib": 19}`,
		"prosody-1.json":       `{"ping_1024": {"cpu_us": 60, "per_s": 16000}, "rss_start_mib": 99}`,
		"prosody-2.json":       `{"ping_1024": {"cpu_us": 62, "per_s": 15000}, "ping_64": "stuck at 3 of 4"}`,
		"prosody-3.json":       `{"ping_1024": {"cpu_us": 90, "per_s": 9000}}`,
		"ejabberd-1.json":      `{"ping_1024": {"cpu_us": 64, "per_s": 20000}, "chat": {"cpu_us": 90}, "drop_16k": {"cpu_us": 10}}`,
		"chatd-1.json":         `{"ping_1024": {"cpu_us": 6, "per_s": 100000}, "accept": {"cpu_us": 9}, "drop_16k": {"cpu_us": 2}}`,
		"chatd-1-idle.json":    `{"idle_kib": 21.5, "open_per_s": 1500}`,
		"unrelated-1-idle.txt": `no results`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	if err := printTable(&b, dir); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ping, 1,024 under way: CPU µs 62.0 64.0 6.00 0.097 at most 0.100: met",
		"ping, 1,024 under way: per s 15000 20000 100000 5.00",
		"ping, 64 under way: CPU µs - - - - at most 0.167: not measured",
		"received and dropped, 16 KiB writes: CPU µs - 10.0 2.00 0.200 at most 0.200: met",
		"chat delivered / accepted: CPU µs - 90.0 9.00 0.100 at most 0.083: MISSED",
		"memory per idle stream: KiB 51.0 - 21.5 0.422 at most 22.0: met",
		"streams accepted, 8 at a time: per s - - 1500 - at least 2000: MISSED",
		"resident memory at start: MiB 19.0 - - -",
	} {
		found := false
		for line := range strings.Lines(b.String()) {
			found = found || strings.Join(strings.Fields(line), " ") == want
		}
		if !found {
			t.Errorf("no line %q in\n%s", want, b.String())
		}
	}
	if err := printTable(&b, t.TempDir()); err == nil {
		t.Error("a table without results")
	}
}

func TestFigure(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{
		{math.NaN(), "-"}, {0, "0.000"}, {0.0974, "0.097"}, {5.555, "5.55"}, {16.04, "16.0"}, {12345.6, "12346"},
	} {
		if got := figure(c.f); got != c.want {
			t.Errorf("figure(%v) = %q, want %q", c.f, got, c.want)
		}
	}
}

func TestCounterAcrossWrites(t *testing.T) {
	c := newCounter("<iq")
	for _, part := range []string{"<", "i", "q/><iq", "/><i", "x/><iq/>"} {
		if _, err := c.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.n.Load(); n != 3 {
		t.Errorf("counted %d, want 3", n)
	}
	if err := c.wait(3, 0); err != nil {
		t.Error(err)
	}
}

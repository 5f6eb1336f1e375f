package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// The columns of the table; each is also how the files with its results begin:
// prosody-1.json, prosody-1-idle.json and so on.
const (
	colProsody = iota
	colEjabberd
	colChatd
	columns
)

var columnNames = [columns]string{"prosody", "ejabberd", "chatd"}

// row is one line of the table.
type row struct {
	name  string
	key   string // of the result
	chatd string // of chatd's result, if it has another name
	field string // of the result, if it has several
	more  bool   // whether more is better

	ratio float64 // budget: at most (more: at least) so much of the better peer
	limit float64 // budget: at most (more: at least) so much
}

// rows are what is compared, with the budgets that the project has set itself.
var rows = []row{
	{name: "ping, 1,024 under way: CPU µs", key: "ping_1024", field: "cpu_us", ratio: 1. / 10},
	{name: "ping, 1,024 under way: per s", key: "ping_1024", field: "per_s", more: true},
	{name: "ping, 64 under way: CPU µs", key: "ping_64", field: "cpu_us", ratio: 1. / 6},
	{name: "ping, 64 under way: per s", key: "ping_64", field: "per_s", more: true},
	{name: "ping, one at a time: ms", key: "ping_1", field: "median_ms", ratio: 1},
	{name: "received and dropped, 16 KiB writes: CPU µs", key: "drop_16k", field: "cpu_us", ratio: 1. / 5},
	{name: "received and dropped, 16 KiB writes: per s", key: "drop_16k", field: "per_s", more: true},
	{name: "received and dropped, one a write: CPU µs", key: "drop_1", field: "cpu_us"},
	{name: "chat to nobody, bounced: CPU µs", key: "bounce", field: "cpu_us"},
	{name: "chat to nobody, bounced: per s", key: "bounce", field: "per_s", more: true},
	{name: "chat delivered / accepted: CPU µs", key: "chat", chatd: "accept", field: "cpu_us", ratio: 1. / 12},
	{name: "chat delivered / accepted: per s", key: "chat", chatd: "accept", field: "per_s", more: true},
	{name: "memory per idle stream: KiB", key: "idle_kib", limit: 22},
	{name: "cold stream in: CPU ms", key: "setup_in_STARTTLS", field: "cpu_ms", ratio: 1. / 2},
	{name: "cold stream in: ms", key: "setup_in_STARTTLS", field: "median_ms"},
	{name: "streams accepted, 8 at a time: per s", key: "open_per_s", more: true, limit: 2000},
	{name: "resident memory at start: MiB", key: "rss_start_mib"},
	{name: "start to listening: ms", key: "start_ms", limit: 100},
}

// printTable reads the results below a directory and prints the medians, side
// by side, with chatd's share of the better peer and whether that is within
// budget.
func printTable(w io.Writer, dir string) error {
	var results [columns][]map[string]any
	for c, name := range columnNames {
		var err error
		if results[c], err = readResults(dir, name); err != nil {
			return err
		}
		if len(results[c]) == 0 {
			return fmt.Errorf("no results of %s in %s", name, dir)
		}
	}
	fmt.Fprintf(w, "%-45s%10s%10s%10s%10s  %s\n", "", columnNames[0], columnNames[1], columnNames[2], "ratio", "budget")
	for _, r := range rows {
		var v [columns]float64
		for c := range v {
			key := r.key
			if c == colChatd && r.chatd != "" {
				key = r.chatd
			}
			v[c] = medianOf(results[c], key, r.field)
		}
		ratio, verdict := r.judge(v)
		line := fmt.Sprintf("%-45s%10s%10s%10s%10s  %s", r.name, figure(v[0]), figure(v[1]), figure(v[2]), figure(ratio), verdict)
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	return nil
}

// judge returns chatd's share of the better peer, NaN if there is none, and
// what to say about the budget.
func (r row) judge(v [columns]float64) (ratio float64, verdict string) {
	better, word, limit := math.Min, "at most", r.limit
	if r.more {
		better, word = math.Max, "at least"
	}
	peer := v[colProsody]
	if math.IsNaN(peer) || !math.IsNaN(v[colEjabberd]) && better(peer, v[colEjabberd]) == v[colEjabberd] {
		peer = v[colEjabberd]
	}
	ratio = v[colChatd] / peer
	measured := v[colChatd]
	if r.ratio != 0 {
		limit, measured = r.ratio, ratio
	}
	if limit == 0 {
		return ratio, ""
	}
	verdict = fmt.Sprintf("%s %s: ", word, figure(limit))
	switch {
	case math.IsNaN(measured):
		return ratio, verdict + "not measured"
	case r.more && measured >= limit, !r.more && measured <= limit:
		return ratio, verdict + "met"
	}
	return ratio, verdict + "MISSED"
}

// figure prints a number with about three digits, and NaN as a dash.
func figure(f float64) string {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return "-"
	case a >= 100:
		return fmt.Sprintf("%.0f", f)
	case a >= 10:
		return fmt.Sprintf("%.1f", f)
	case a >= 1:
		return fmt.Sprintf("%.2f", f)
	default:
		return fmt.Sprintf("%.3f", f)
	}
}

// readResults returns the results of one server, a map for each boot: files
// NAME-BOOT.json and NAME-BOOT-KIND.json make one together.
func readResults(dir, name string) ([]map[string]any, error) {
	var boots []map[string]any
	for boot := 1; ; boot++ {
		files, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("%s-%d-*.json", name, boot)))
		if err != nil {
			return nil, err
		}
		merged := make(map[string]any)
		for _, file := range append(files, filepath.Join(dir, fmt.Sprintf("%s-%d.json", name, boot))) {
			text, err := os.ReadFile(file)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			var one map[string]any
			if err := json.Unmarshal(text, &one); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			// Memory at the start is that of the first measurement of a boot.
			if _, known := merged["rss_start_mib"]; known {
				delete(one, "rss_start_mib")
			}
			maps.Copy(merged, one)
		}
		if len(merged) == 0 {
			return boots, nil
		}
		boots = append(boots, merged)
	}
}

// medianOf returns the median of a figure over the boots that have it, or NaN.
func medianOf(boots []map[string]any, key, field string) float64 {
	var all []float64
	for _, b := range boots {
		v := b[key]
		if m, ok := v.(map[string]any); ok && field != "" {
			v = m[field]
		}
		if f, ok := v.(float64); ok {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return math.NaN()
	}
	return median(all)
}

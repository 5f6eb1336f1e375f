package report

import (
	"embed"
	"html/template"
	"io"
	"strconv"
	"time"

	"isthmus.im/examples/s2sconform/conform"
)

//go:embed page.html
var files embed.FS

// page is what the template sees.
type page struct {
	Reports []*Report
	Sums    []sums
	Groups  []group
	Total   int
	Date    string
}

// sums is the head of a column.
type sums struct {
	*Report
	Passes, Deviates, Fails, Skipped int
}

type group struct {
	Name  string
	Rows  []row
	Worst conform.Outcome // of all rows
}

// row is one scenario, with a result for each report; nil where a report does
// not have it.
type row struct {
	conform.Result
	Cells []*conform.Result
	Worst conform.Outcome // of all cells
}

// WriteHTML writes a page with a column for each report. The rows are those of
// the first report that has them, in the order of the reports.
func WriteHTML(w io.Writer, reports ...*Report) error {
	t, err := template.New("page.html").Funcs(template.FuncMap{
		"word":    word,
		"seconds": func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) },
	}).ParseFS(files, "page.html")
	if err != nil {
		return err
	}
	return t.Execute(w, newPage(reports))
}

func newPage(reports []*Report) page {
	p := page{Reports: reports}
	at := make(map[string][2]int) // group and row of a scenario
	groups := make(map[string]int)
	var last time.Time
	for i, r := range reports {
		p.Sums = append(p.Sums, sums{r, r.Count(conform.Passes), r.Count(conform.Deviates), r.Count(conform.Fails), r.Count(conform.Skipped)})
		if r.Date.After(last) {
			last = r.Date
			p.Date = last.UTC().Format("2 January 2006")
		}
		for j := range r.Results {
			x := &r.Results[j]
			place, seen := at[x.ID]
			if !seen {
				g, known := groups[x.Group]
				if !known {
					g = len(p.Groups)
					groups[x.Group] = g
					p.Groups = append(p.Groups, group{Name: x.Group, Worst: conform.Passes})
				}
				place = [2]int{g, len(p.Groups[g].Rows)}
				at[x.ID] = place
				p.Groups[g].Rows = append(p.Groups[g].Rows, row{Result: *x, Cells: make([]*conform.Result, len(reports)), Worst: conform.Passes})
				p.Total++
			}
			target := &p.Groups[place[0]].Rows[place[1]]
			target.Cells[i] = x
			target.Worst = worse(target.Worst, x.Outcome)
			p.Groups[place[0]].Worst = worse(p.Groups[place[0]].Worst, x.Outcome)
		}
	}
	return p
}

func worse(a, b conform.Outcome) conform.Outcome {
	rank := map[conform.Outcome]int{conform.Passes: 0, conform.Skipped: 1, conform.Deviates: 2, conform.Fails: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

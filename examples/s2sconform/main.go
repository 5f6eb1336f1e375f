// Command s2sconform checks how well an XMPP server keeps to what RFC 6120 and
// its companions ask of streams between servers.
//
//	s2sconform [-list] [-json] [-html file] -target domain [-addr host:port] -cert file -key file -ca file
//	s2sconform [-list] [-json] [-html file] -own
//	s2sconform [-html file] -with file,...
//
// It plays some hundreds of short scenarios against the server, each with the
// clause that it checks, and prints what came of each. The package conform says
// what is fair in that; -list prints the table.
//
// # What it needs
//
// The suite is a server itself, of a domain of yours, and uses a new domain right
// below that for every scenario. So it needs a certificate for that domain which
// is good for *.domain, too, DNS records (wildcards will do) that lead all of
// these names to -listen, and a server under test that trusts the authority:
//
//	s2sconform -target chat.example -cert conform.crt -key conform.key -ca ca.crt
//
// With -ca-key it issues certificates by itself, and can try those that ought to
// be refused. With -user, -password and -c2s it logs in at the server, and sees
// what is delivered. With -stop it can see the server shut down.
//
// With -own it checks the library, on loopback, and needs nothing. With -with
// alone it shows what came of earlier runs, side by side.
//
// The flags are
//
//	-list      print the table and stop; with -json as JSON
//	-run       only the scenarios whose id matches
//	-json      print the report as JSON
//	-html      write a page that shows the report
//	-with      the reports in these JSON files, separated by commas, are shown, too
//	-target    domain under test
//	-name      what to call it in the report
//	-addr      where it is, host:port; empty: as DNS says
//	-direct    where it speaks direct TLS (XEP-0368), host:port
//	-cert      certificate of the suite's domain (PEM)
//	-key       its key (PEM)
//	-ca        authorities that vouch for both sides (PEM); empty: the system's
//	-ca-key    the key of -ca, to issue certificates with
//	-domain    the suite's domain; empty: the first name in -cert
//	-listen    where the suite accepts streams, :5269
//	-user      an account at the target
//	-password  its password
//	-c2s       where to log in, host:port; empty: port 5222 of the target
//	-stop      a command that shuts the target down
//	-own       check the library itself
//	-dialback  with -own: with Server Dialback (XEP-0220)
//	-brief     print only what fails or deviates, and the sums
//	-skips     how many scenarios may be skipped; negative: any number, -1
//	-parallel  how many scenarios at a time, 4
//	-timeout   how long to wait for what ought to happen, 10s
//
// The exit status is 0 if no MUST is broken, 1 if one is, and 2 if nothing could
// be checked: also if the account cannot log in, or more than -skips scenarios
// were skipped.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"isthmus.im/examples/s2sconform/conform"
	"isthmus.im/examples/s2sconform/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is main with its surroundings handed in. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f, err := parseFlags(args, stderr)
	if err != nil {
		return 2
	}
	list := chosen(f.only)
	if f.list && f.json {
		e := json.NewEncoder(stdout)
		e.SetIndent("", " ")
		if err := e.Encode(list); err != nil {
			fmt.Fprintln(stderr, "s2sconform:", err)
			return 2
		}
		return 0
	}
	if f.list {
		for _, s := range list {
			fmt.Fprintf(stdout, "%-28s %-6s %-9s %-34s %s\n", s.ID, s.Level, s.Role, s.Clause, s.Title)
		}
		return 0
	}
	status, err := check(ctx, f, list, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "s2sconform:", err)
		return 2
	}
	return status
}

// chosen returns the scenarios whose id matches.
func chosen(only *regexp.Regexp) []conform.Scenario {
	var list []conform.Scenario
	for _, s := range conform.Scenarios() {
		if only == nil || only.MatchString(s.ID) {
			list = append(list, s)
		}
	}
	return list
}

// check plays the scenarios and writes the reports that were asked for.
func check(ctx context.Context, f *flags, list []conform.Scenario, stdout io.Writer) (status int, err error) {
	var reports []*report.Report
	var tooMany error
	if f.target != "" || f.own {
		r, err := play(ctx, f, list, stdout)
		if err != nil {
			return 0, err
		}
		if r.Count(conform.Fails) > 0 {
			status = 1
		}
		if n := r.Count(conform.Skipped); f.skips >= 0 && n > f.skips {
			tooMany = fmt.Errorf("%d scenarios were skipped, more than %d", n, f.skips)
		}
		reports = append(reports, r)
		if f.json {
			if err := r.WriteJSON(stdout); err != nil {
				return 0, err
			}
		} else {
			fmt.Fprintf(stdout, "\n%s\n", r.Sums())
		}
	}
	for _, file := range f.with {
		r, err := report.Read(file)
		if err != nil {
			return 0, err
		}
		reports = append(reports, r)
		if f.target == "" && !f.own {
			if err := r.WriteText(stdout, f.brief); err != nil {
				return 0, err
			}
		}
	}
	if f.html == "" {
		return status, tooMany
	}
	w, err := os.Create(f.html)
	if err != nil {
		return 0, err
	}
	if err := report.WriteHTML(w, reports...); err != nil {
		w.Close()
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	return status, tooMany
}

// play runs the scenarios and, unless the report is to be JSON, prints each
// result as it is there.
func play(ctx context.Context, f *flags, list []conform.Scenario, stdout io.Writer) (*report.Report, error) {
	env, stop, err := f.env(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	show := func(x conform.Result) {
		if !f.brief || report.Trouble(x) {
			io.WriteString(stdout, report.Line(x))
		}
	}
	if f.json {
		show = nil
	}
	r := &report.Report{Target: env.Target.Name, Domain: env.Target.Domain, Date: time.Now().UTC().Truncate(time.Second)}
	begin := time.Now()
	run, err := conform.Run(ctx, env, list, f.parallel, show)
	if err != nil {
		return nil, err
	}
	r.Took, r.Results, r.Software = time.Since(begin), run.Results, run.Software
	return r, nil
}

// Command fedcheck finds out whether XMPP domains can be reached by other
// servers, and if not, at which step it fails and what to change.
//
//	fedcheck [-json] [-dns server] [-dnssec] [-posh] [-ca file] [-cert file -key file -from domain] domain...
//
// It goes the whole way that a server goes: DNS, addresses, TCP, the stream,
// TLS, the certificate, authentication, what the other side announces, a ping.
// On a terminal each step shows as it is made; elsewhere there is a plain line
// for each, and with -json one JSON object for each domain (the Report of
// package s2s).
//
// Servers authenticate each other by certificate. With -cert, -key and -from
// fedcheck does so in the name of a domain of yours. Without, it makes a
// certificate for fedcheck.invalid that nobody trusts: the other server will
// refuse the authentication, and everything up to there is checked: a domain at
// which nothing else goes wrong counts as reachable. The "reachable" of its JSON
// object says so, too, and "code" says what was refused.
//
// The flags are
//
//	-json     one JSON object per domain
//	-dns      name servers, host or host:port, separated by commas; empty: the system's
//	-dnssec   believe the name servers when they say that DNSSEC vouches for records (DANE)
//	-posh     ask the web servers of domains for their certificates (POSH)
//	-ca       authorities to trust besides the system's (PEM)
//	-cert     certificate of the domain in -from, with its chain (PEM)
//	-key      its key (PEM)
//	-from     the domain in whose name to connect
//	-timeout  time for each attempt, 30s
//
// The exit status is 0 if all domains are reachable, 1 if one is not, and 2 if
// nothing was checked because of a mistake on the command line or in a file; -h
// shows the usage and is no mistake, 0.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr, terminal)
	stop()
	os.Exit(status)
}

// run is main with its surroundings handed in. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, terminal bool) int {
	f, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	cfg, err := f.config()
	if err != nil {
		fmt.Fprintln(stderr, "fedcheck:", err)
		return 2
	}
	cfg.Handler = stanza.NewMux()
	cfg.Logger = slog.New(slog.DiscardHandler)
	srv, err := s2s.New(cfg)
	if err != nil {
		fmt.Fprintln(stderr, "fedcheck:", err)
		return 2
	}
	defer srv.Close()
	if f.anonymous() {
		fmt.Fprintln(stderr, "fedcheck: without a certificate of your own (-cert, -key, -from) the authentication will be refused;",
			"everything up to there is checked")
	}
	status := 0
	for _, domain := range f.domains {
		if !check(ctx, srv, f, domain, stdout, terminal) {
			status = 1
		}
	}
	return status
}

// check prints what can be found out about a domain and reports whether it is
// reachable.
func check(ctx context.Context, srv *s2s.Server, f *flags, domain jid.JID, w io.Writer, terminal bool) bool {
	d := &display{w: w, domain: domain.String(), live: terminal}
	watch := d.show
	if f.json {
		watch = nil
	} else {
		d.begin()
	}
	r := srv.Explain(ctx, f.from, domain, watch)
	good := r.Reachable || f.anonymous() && refused(r)
	if f.json {
		r.Reachable = good // as the exit status
		if err := json.NewEncoder(w).Encode(r); err != nil {
			return false
		}
		return good
	}
	d.end(r, good)
	return good
}

// refused reports whether all went well until the peer did not accept our
// certificate.
func refused(r *s2s.Report) bool {
	proved := false
	for _, f := range r.Findings {
		if f.Step == s2s.StepIdentity {
			proved = f.Status != s2s.StatusFailed
		}
	}
	switch r.Code {
	case s2s.CodeNoExternal, s2s.CodeDialbackOnly, s2s.CodeCertificateRefused, s2s.CodeAuthFailed:
		return proved
	}
	return false
}

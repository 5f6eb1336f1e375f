package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"isthmus.im/stanza/disco"
)

// flags are what the command line says.
type flags struct {
	domains, dns            []string
	listen, listenTLS, http string
	cert, key, certs, ca    string
	db, adminToken          string
	level                   slog.Level
	demo, once, unlimited   bool
	contacts                disco.Contacts
}

// parseFlags prints to w what is wrong, or the usage when that was asked for.
func parseFlags(args []string, w io.Writer) (*flags, error) {
	f := &flags{}
	fs := flag.NewFlagSet("chatd", flag.ContinueOnError)
	fs.SetOutput(w)
	domains := fs.String("domain", "", "`domains` to serve, separated by commas")
	fs.StringVar(&f.listen, "listen", ":5269", "`address` for other servers; empty: none")
	fs.StringVar(&f.listenTLS, "listen-tls", "", "`address` for other servers, with TLS from the start; empty: none")
	fs.StringVar(&f.http, "http", "127.0.0.1:8080", "`address` for clients; empty: none")
	fs.StringVar(&f.cert, "cert", "", "certificate `file` (PEM) of all domains")
	fs.StringVar(&f.key, "key", "", "key `file` (PEM) of all domains")
	fs.StringVar(&f.certs, "certs", "", "`directory` with DOMAIN.crt and DOMAIN.key, instead of -cert and -key")
	fs.StringVar(&f.ca, "ca", "", "`file` (PEM) of authorities to trust besides the system's")
	dns := fs.String("dns", "", "name `servers`, host:port, separated by commas; empty: the system's")
	fs.StringVar(&f.db, "db", "chat.db", "SQLite `file`, or \"memory\" for none")
	fs.StringVar(&f.adminToken, "admin-token", "", "the administrator's `token`; empty: a random one, printed once")
	fs.Func("contact", "`kind=URI` of those who run the domains, as in abuse=mailto:abuse@chat.example; repeatable", f.contact)
	fs.BoolVar(&f.unlimited, "unlimited", false, "hold no other domain to a rate: for closed networks and measurements")
	level := fs.String("log", "info", "`level` of the log: info or debug")
	fs.BoolVar(&f.demo, "demo", false, "run two services on loopback and let them talk")
	fs.BoolVar(&f.once, "once", false, "with -demo: end after a scripted exchange")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	f.domains, f.dns = list(*domains), list(*dns)
	if err := f.check(*level, fs.Args()); err != nil {
		fmt.Fprintln(w, "chatd:", err)
		return nil, err
	}
	return f, nil
}

func (f *flags) check(level string, rest []string) error {
	switch level {
	case "info":
		f.level = slog.LevelInfo
	case "debug":
		f.level = slog.LevelDebug
	default:
		return fmt.Errorf("-log is info or debug, not %q", level)
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unknown argument %q", rest[0])
	case f.demo:
		return nil
	case f.once:
		return errors.New("-once needs -demo")
	case len(f.domains) == 0:
		return errors.New("-domain is missing (or try -demo)")
	case (f.cert == "") != (f.key == ""):
		return errors.New("-cert and -key belong together")
	case (f.cert == "") == (f.certs == ""):
		return errors.New("either -cert and -key or -certs is needed")
	}
	return nil
}

// contact adds an address to those that other domains are told (XEP-0157).
func (f *flags) contact(s string) error {
	kind, uri, _ := strings.Cut(s, "=")
	switch kind {
	case "abuse", "admin", "feedback", "sales", "security", "status", "support":
	default:
		return fmt.Errorf("no such kind of contact: %q", kind)
	}
	if u, err := url.Parse(uri); err != nil || u.Scheme == "" {
		return fmt.Errorf("not a URI: %q", uri)
	}
	if f.contacts == nil {
		f.contacts = make(disco.Contacts)
	}
	f.contacts[kind+"-addresses"] = append(f.contacts[kind+"-addresses"], uri)
	return nil
}

// list splits s at its commas.
func list(s string) []string {
	var out []string
	for _, item := range strings.Split(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

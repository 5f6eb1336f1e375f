package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// flags are what the command line says.
type flags struct {
	list, json, own      bool
	dialback, brief      bool
	skips                int
	html                 string
	with                 []string
	only                 *regexp.Regexp
	target, name         string
	addr, direct         string
	cert, key, ca, caKey string
	domain, listen       string
	user, password, c2s  string
	stop                 string
	parallel             int
	timeout              time.Duration

	pair tls.Certificate // of cert and key
}

// parseFlags prints to w what is wrong, or the usage when that was asked for.
func parseFlags(args []string, w io.Writer) (*flags, error) {
	f := &flags{}
	fs := flag.NewFlagSet("s2sconform", flag.ContinueOnError)
	fs.SetOutput(w)
	fs.Usage = func() {
		fmt.Fprintln(w, "usage: s2sconform [-list] [-json] [-html file] -target domain [-addr host:port] -cert file -key file -ca file")
		fmt.Fprintln(w, "       s2sconform [-list] [-json] [-html file] -own")
		fmt.Fprintln(w, "       s2sconform [-html file] -with file,...")
		fs.PrintDefaults()
	}
	fs.BoolVar(&f.list, "list", false, "print the table and stop; with -json as JSON")
	only := fs.String("run", "", "only the scenarios whose id matches this `regexp`")
	fs.BoolVar(&f.json, "json", false, "print the report as JSON")
	fs.StringVar(&f.html, "html", "", "write a page that shows the report to this `file`")
	with := fs.String("with", "", "the reports in these JSON `files`, separated by commas, are shown, too")
	fs.StringVar(&f.target, "target", "", "`domain` under test")
	fs.StringVar(&f.name, "name", "", "what to call it in the report")
	fs.StringVar(&f.addr, "addr", "", "where it is, `host:port`; empty: as DNS says")
	fs.StringVar(&f.direct, "direct", "", "where it speaks direct TLS, `host:port`")
	fs.StringVar(&f.cert, "cert", "", "certificate `file` (PEM) of the suite's domain")
	fs.StringVar(&f.key, "key", "", "its key `file` (PEM)")
	fs.StringVar(&f.ca, "ca", "", "`file` (PEM) of the authorities that vouch for both sides; empty: the system's")
	fs.StringVar(&f.caKey, "ca-key", "", "`file` (PEM) with the key of -ca, to issue certificates with")
	fs.StringVar(&f.domain, "domain", "", "the suite's `domain`; empty: the first name in -cert")
	fs.StringVar(&f.listen, "listen", ":5269", "where the suite accepts streams, `host:port`")
	fs.StringVar(&f.user, "user", "", "an account at the target, `user@domain`")
	fs.StringVar(&f.password, "password", "", "its password")
	fs.StringVar(&f.c2s, "c2s", "", "where to log in, `host:port`; empty: port 5222 of the target")
	fs.StringVar(&f.stop, "stop", "", "a `command` that shuts the target down")
	fs.BoolVar(&f.own, "own", false, "check the library itself")
	fs.BoolVar(&f.dialback, "dialback", false, "with -own: with Server Dialback (XEP-0220)")
	fs.BoolVar(&f.brief, "brief", false, "print only what fails or deviates")
	fs.IntVar(&f.skips, "skips", -1, "how `many` scenarios may be skipped; negative: any number")
	fs.IntVar(&f.parallel, "parallel", 4, "how many scenarios at a time")
	fs.DurationVar(&f.timeout, "timeout", 10*time.Second, "`time` to wait for what ought to happen")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if err := f.check(*only, *with, fs.Args()); err != nil {
		fmt.Fprintln(w, "s2sconform:", err)
		return nil, err
	}
	return f, nil
}

func (f *flags) check(only, with string, rest []string) (err error) {
	if len(rest) > 0 {
		return fmt.Errorf("what is %q? (-h shows the usage)", rest[0])
	}
	if only != "" {
		if f.only, err = regexp.Compile(only); err != nil {
			return fmt.Errorf("-run: %w", err)
		}
	}
	for _, file := range strings.Split(with, ",") {
		if file = strings.TrimSpace(file); file != "" {
			f.with = append(f.with, file)
		}
	}
	switch {
	case f.list:
		return nil
	case f.own && f.target != "":
		return errors.New("-own and -target exclude each other")
	case f.dialback && !f.own:
		return errors.New("-dialback is for -own")
	case f.own, f.target == "" && len(f.with) > 0:
		return nil
	case f.target == "":
		return errors.New("which server? -target or -own (-h shows the usage)")
	case f.cert == "" || f.key == "":
		return errors.New("-cert and -key are needed to be a server")
	case f.caKey != "" && f.ca == "":
		return errors.New("-ca-key is the key of -ca")
	case f.timeout <= 0 || f.parallel <= 0:
		return errors.New("-timeout and -parallel have to be positive")
	}
	if f.pair, err = tls.LoadX509KeyPair(f.cert, f.key); err != nil {
		return err
	}
	if f.domain == "" {
		if len(f.pair.Leaf.DNSNames) == 0 {
			return errors.New("-cert names no domain; which is the suite's? (-domain)")
		}
		f.domain = strings.TrimPrefix(f.pair.Leaf.DNSNames[0], "*.")
	}
	if f.caKey == "" && f.pair.Leaf.VerifyHostname("any."+f.domain) != nil {
		return fmt.Errorf("-cert is not good for *.%s, which the scenarios need, and there is no -ca-key to issue others", f.domain)
	}
	return nil
}

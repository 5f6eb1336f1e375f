// Command bench measures an XMPP server as a federation peer: it acts as the
// server of bench.test (and d1.bench.test, ...) towards it, over real
// STARTTLS and SASL EXTERNAL streams on loopback.
//
//	bench -dir .interop -peer prosody            everything, three runs each
//	bench -dir .interop -peer ejabberd ping      one measurement
//	bench -dir .interop -peer prosody probe      what it offers; odd certificates
//	bench -dir .interop -peer prosody manners    how it takes unusual things
//	bench -dir .interop -peer prosody hold       what it says on a stream until it ends
//	bench -dir .interop -peer prosody listen     what anybody sends to wire.test
//	bench table DIR                              compares results, see table
//
// The peer must have been booted with BENCH=1 PEER_LOG=error, and preferably
// alone (PEERS=prosody).  To measure some other server in the same way, e.g.
// one built on the library under test, describe it with -domain, -pid and
// -user instead of -peer; chat is then measured up to where the server has
// accepted it, since nobody can log in there.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// description is the part of interop.json that matters here.
type description struct {
	DNS      string `json:"dns"`
	CA       string `json:"ca"`
	Certs    string `json:"certs"`
	Password string `json:"password"`
	Listen   struct {
		Bench string `json:"bench"`
		Wire  string `json:"wire"`
	} `json:"listen"`
	Peers map[string]struct {
		PID    int      `json:"pid"`
		Domain string   `json:"domain"`
		Users  []string `json:"users"`
		C2S    string   `json:"c2s"`
	} `json:"peers"`
}

type bench struct {
	*env
	d        description
	domain   string // of the server that is measured
	pid      int
	userName string
	c2s      string
	cert     tls.Certificate
	l        *listener
	count    int
	runs     int
	streams  int
	serial   atomic.Int64

	// findServer returns the server's address, having asked DNS once.
	findServer func() string
	results    map[string]any
}

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", ".interop", "the kit's working directory")
	peer := flag.String("peer", "", "peer to measure, as named in interop.json")
	domain := flag.String("domain", "", "domain to measure, instead of the peer's")
	pid := flag.Int("pid", 0, "process to account, instead of the peer's")
	userName := flag.String("user", "", "local part of an account of that domain, instead of the peer's first")
	c2s := flag.String("c2s", "", "address to log that account in at; \"-\" for no client")
	count := flag.Int("n", 50000, "stanzas per run")
	runs := flag.Int("runs", 3, "runs of each measurement")
	streams := flag.Int("streams", 500, "idle streams")
	quickAck := flag.Bool("quickack", false, "acknowledge TCP segments at once")
	out := flag.String("json", "", "also write the results to this file")
	flag.Parse()
	if flag.Arg(0) == "table" {
		check(printTable(os.Stdout, flag.Arg(1)))
		return
	}

	b := &bench{count: *count, runs: *runs, streams: *streams, results: map[string]any{}}
	text, err := os.ReadFile(filepath.Join(*dir, "interop.json"))
	check(err)
	check(json.Unmarshal(text, &b.d))
	if p, ok := b.d.Peers[*peer]; ok {
		b.domain, b.pid, b.c2s = p.Domain, p.PID, p.C2S
		if len(p.Users) > 0 {
			b.userName = p.Users[0]
		}
	} else if *peer != "" {
		log.Fatalf("no peer %q is up", *peer)
	}
	if *domain != "" {
		b.domain = *domain
	}
	if *pid != 0 {
		b.pid = *pid
	}
	if *userName != "" {
		b.userName = *userName
	}
	if *c2s != "" {
		b.c2s = strings.TrimPrefix(*c2s, "-")
	}
	if b.domain == "" || b.pid == 0 {
		log.Fatal("need -peer, or -domain and -pid")
	}
	b.env, err = newEnv(b.d.DNS, b.d.CA)
	check(err)
	b.cert, err = tls.LoadX509KeyPair(filepath.Join(b.d.Certs, "bench.test.crt"), filepath.Join(b.d.Certs, "bench.test.key"))
	check(err)
	host, _, err := net.SplitHostPort(b.d.Listen.Bench)
	check(err)
	b.env.source = net.ParseIP(host)
	b.env.quickAck = *quickAck
	b.findServer = sync.OnceValue(func() string {
		addrs, err := b.lookup(context.Background(), "xmpp-server", b.domain)
		check(err)
		return addrs[0]
	})

	what := flag.Args()
	if len(what) == 0 {
		what = []string{"setup", "idle", "ping", "flood"}
	}
	switch what[0] {
	case "probe":
		b.probe()
		return
	case "manners":
		b.manners()
		return
	case "hold":
		b.hold()
		return
	case "listen":
		b.listen()
		return
	}

	ln, err := net.Listen("tcp", b.d.Listen.Bench)
	check(err)
	b.l = &listener{Listener: ln, cert: &b.cert, roots: b.roots, quick: *quickAck, log: log.Printf}
	go b.l.serve()

	u, err := usageOf(b.pid)
	check(err)
	b.results["server"] = b.domain
	b.results["rss_start_mib"] = mib(u.rss)
	fmt.Printf("%-44s %s (pid %d), RSS %.1f MiB\n", "server", b.domain, b.pid, mib(u.rss))
	for _, w := range what {
		switch w {
		case "setup":
			b.setup()
		case "idle":
			b.idle()
		case "ping":
			b.pings()
		case "flood":
			b.floods()
		default:
			log.Fatalf("no measurement %q", w)
		}
	}
	u, err = usageOf(b.pid)
	check(err)
	b.results["rss_end_mib"] = mib(u.rss)
	fmt.Printf("%-44s %.1f MiB\n", "RSS at the end", mib(u.rss))
	if *out != "" {
		text, err := json.MarshalIndent(b.results, "", "  ")
		check(err)
		check(os.WriteFile(*out, append(text, '\n'), 0o644))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func micros(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(n) }

func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// dialBench opens a stream from the given domain to the server.
func (b *bench) dialBench(from string, bidi bool) (*stream, bool) {
	addr := b.findServer()
	s, _, ok, err := b.dial(context.Background(), dialOptions{from: from, to: b.domain, addr: addr, cert: &b.cert, bidi: bidi})
	if err != nil {
		log.Fatalf("%s -> %s: %v", from, b.domain, err)
	}
	return s, ok
}

func (b *bench) ping(from string) string { return b.pingBetween(from, b.domain) }

func (b *bench) pingBetween(from, to string) string {
	return fmt.Sprintf("<iq type='get' id='p%d' from='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>",
		b.serial.Add(1), from, to)
}

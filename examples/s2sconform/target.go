package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"isthmus.im/examples/s2sconform/client"
	"isthmus.im/examples/s2sconform/conform"
	"isthmus.im/examples/s2sconform/own"
	"isthmus.im/internal/testca"
)

// env is what the flags describe, and a function that ends it.
func (f *flags) env(ctx context.Context) (*conform.Env, func(), error) {
	if f.own {
		env, stop, err := own.Start(new(own.Loopback), f.dialback, slog.New(slog.DiscardHandler))
		if err == nil {
			env.Patience = f.timeout
		}
		return env, stop, err
	}
	env := &conform.Env{Domain: f.domain, Cert: f.pair, Patience: f.timeout}
	t := &env.Target
	t.Domain, t.Name = f.target, f.name
	if t.Name == "" {
		t.Name = f.target
	}
	if err := f.authority(env); err != nil {
		return nil, nil, err
	}
	t.Dial = func(ctx context.Context) (net.Conn, error) { return dial(ctx, f.addr, "xmpp-server", f.target) }
	if f.direct != "" {
		t.DialTLS = func(ctx context.Context) (net.Conn, error) { return dial(ctx, f.direct, "", "") }
	}
	if f.user != "" {
		account := client.Account{Address: f.user, Password: f.password, Addr: f.c2s, Roots: t.Roots}
		if account.Addr == "" {
			account.Addr = net.JoinHostPort(f.target, "5222")
		}
		t.Login = func(ctx context.Context) (conform.User, error) { return client.Login(ctx, account) }
	}
	if f.stop != "" {
		t.Stop = func(ctx context.Context) error {
			cmd := exec.CommandContext(ctx, "sh", "-c", f.stop)
			cmd.Stderr = os.Stderr
			return cmd.Run()
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", f.listen)
	if err != nil {
		return nil, nil, err
	}
	env.Listener = l
	return env, func() { l.Close() }, nil
}

// authority reads -ca and -ca-key.
func (f *flags) authority(env *conform.Env) error {
	if f.ca == "" {
		return nil
	}
	certs, err := os.ReadFile(f.ca)
	if err != nil {
		return err
	}
	env.Target.Roots = x509.NewCertPool()
	if !env.Target.Roots.AppendCertsFromPEM(certs) {
		return fmt.Errorf("%s has no certificate", f.ca)
	}
	if f.caKey == "" {
		return nil
	}
	key, err := os.ReadFile(f.caKey)
	if err != nil {
		return err
	}
	env.CA, err = testca.Load(certs, key)
	return err
}

// dial connects to an address or, if there is none, to the first target of a
// domain's SRV records that answers, or else to the domain itself.
func dial(ctx context.Context, addr, service, domain string) (net.Conn, error) {
	var d net.Dialer
	if addr != "" {
		return d.DialContext(ctx, "tcp", addr)
	}
	addrs := []string{net.JoinHostPort(domain, "5269")}
	if _, records, err := net.DefaultResolver.LookupSRV(ctx, service, "tcp", domain); err == nil {
		addrs = nil
		for _, r := range records {
			addrs = append(addrs, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
		}
	}
	var err error
	for _, addr := range addrs {
		var c net.Conn
		if c, err = d.DialContext(ctx, "tcp", addr); err == nil {
			return c, nil
		}
	}
	return nil, err
}

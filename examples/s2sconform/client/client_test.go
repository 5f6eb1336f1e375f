package client_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"isthmus.im/examples/s2sconform/client"
	"isthmus.im/examples/s2sconform/wire"
	"isthmus.im/internal/testca"
)

const features = "<stream:features></stream:features>"

// serve is as much of a server as a client needs. It returns its address.
func serve(t *testing.T, cert tls.Certificate, password string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s := wire.New(conn, "server", new(wire.Log))
		defer s.Close()
		answer := func(replies ...string) {
			for _, r := range replies {
				s.Next(time.Now().Add(10 * time.Second))
				s.Write(r)
			}
		}
		header := "<stream:stream xmlns='jabber:client' xmlns:stream='" + wire.NSStream + "' id='1' version='1.0'>" + features
		answer(header, "<proceed xmlns='"+wire.NSTLS+"'/>")
		c := tls.Server(s.Plain(), &tls.Config{Certificates: []tls.Certificate{cert}})
		if c.Handshake() != nil {
			return
		}
		s.Secure(c)
		answer(header)
		if e := s.Next(time.Now().Add(10 * time.Second)); e.Node.Text != password {
			s.Write("<failure xmlns='" + wire.NSSASL + "'><not-authorized/></failure>")
			return
		}
		s.Write("<success xmlns='" + wire.NSSASL + "'/>")
		s.Restart()
		answer(header, "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@x.example/1</jid></bind></iq>")
		for {
			e := s.Next(time.Now().Add(10 * time.Second))
			switch e.Kind {
			case wire.Element:
				s.Write(e.Raw) // back
			default:
				return
			}
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

func TestSession(t *testing.T) {
	ca := testca.New()
	cert := ca.Issue(testca.Options{DNS: []string{"x.example"}})
	account := client.Account{Address: "juliet@x.example", Password: "secret", Roots: ca.Pool(), Addr: serve(t, cert, "AGp1bGlldABzZWNyZXQ=")}
	c, err := client.Login(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	if c.Address() != "juliet@x.example/1" {
		t.Errorf("address %s", c.Address())
	}
	if got, err := c.Next(); err != nil || got != "<presence/>" {
		t.Errorf("%s, %v", got, err)
	}
	if err := c.Send(t.Context(), "<message><body>hello</body></message>"); err != nil {
		t.Error(err)
	}
	if got, err := c.Next(); err != nil || got != "<message><body>hello</body></message>" {
		t.Errorf("%s, %v", got, err)
	}
	c.Close()
	if _, err := c.Next(); err == nil {
		t.Error("there is more after the end")
	}
}

func TestRefusal(t *testing.T) {
	ca := testca.New()
	good := ca.Issue(testca.Options{DNS: []string{"x.example"}})
	for _, tt := range []struct {
		name, address string
		cert          tls.Certificate
		want          string
	}{
		{"password", "juliet@x.example", good, "<failure/> instead of <success/>"},
		{"certificate", "juliet@x.example", ca.Issue(testca.Options{DNS: []string{"y.example"}}), "certificate is valid for y.example"},
		{"no account", "x.example", good, "is no account"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			account := client.Account{Address: tt.address, Password: "wrong", Roots: ca.Pool(), Addr: serve(t, tt.cert, "AGp1bGlldABzZWNyZXQ=")}
			if _, err := client.Login(t.Context(), account); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Login(ctx, client.Account{Address: "juliet@x.example", Addr: serve(t, good, "")}); err == nil {
		t.Error("a context that is over did not matter")
	}
}

// Package client is a user of an XMPP server, as far as package conform needs
// one: somebody who is online, sends and receives.
package client

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

const nsBind = "urn:ietf:params:xml:ns:xmpp-bind"

// Account is how to log in.
type Account struct {
	Address  string // bare
	Password string
	Addr     string         // of the server, host and port
	Roots    *x509.CertPool // nil: those of the system
}

// Client is a session.
type Client struct {
	address string
	s       *wire.Stream
	closing sync.Once
}

// Login opens a session with TLS and SASL PLAIN, and sends available presence.
func Login(ctx context.Context, a Account) (*Client, error) {
	user, domain, ok := strings.Cut(a.Address, "@")
	if !ok {
		return nil, fmt.Errorf("client: %q is no account", a.Address)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", a.Addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c := &Client{s: wire.New(conn, "client", new(wire.Log))}
	err = c.login(user, domain, a)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("client: %s: %w", a.Address, err)
	}
	return c, nil
}

func (c *Client) login(user, domain string, a Account) error {
	header := "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" + wire.NSStream + "' to='" + domain + "' version='1.0'>"
	if err := c.open(header); err != nil {
		return err
	}
	if _, err := c.ask("<starttls xmlns='"+wire.NSTLS+"'/>", "proceed"); err != nil {
		return err
	}
	t := tls.Client(c.s.Plain(), &tls.Config{ServerName: domain, RootCAs: a.Roots})
	if err := t.Handshake(); err != nil {
		return err
	}
	c.s.Secure(t)
	if err := c.open(header); err != nil {
		return err
	}
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + a.Password))
	if _, err := c.ask("<auth xmlns='"+wire.NSSASL+"' mechanism='PLAIN'>"+plain+"</auth>", "success"); err != nil {
		return err
	}
	c.s.Restart()
	if err := c.open(header); err != nil {
		return err
	}
	bound, err := c.ask("<iq type='set' id='bind'><bind xmlns='"+nsBind+"'><resource>"+rand.Text()+"</resource></bind></iq>", "iq")
	if err != nil {
		return err
	}
	jid := bound.Child(nsBind, "bind").Child(nsBind, "jid")
	if jid == nil {
		return errors.New("no address was bound")
	}
	c.address = jid.Text
	return c.s.Write("<presence/>")
}

// open exchanges headers and takes the features.
func (c *Client) open(header string) error {
	if err := c.s.Write(header); err != nil {
		return err
	}
	if e := c.s.Next(time.Time{}); e.Kind != wire.Header {
		return fmt.Errorf("%v instead of a header", e)
	}
	_, err := c.want("features")
	return err
}

// ask writes something and waits for an element.
func (c *Client) ask(text, name string) (*wire.Node, error) {
	if err := c.s.Write(text); err != nil {
		return nil, err
	}
	return c.want(name)
}

func (c *Client) want(name string) (*wire.Node, error) {
	e := c.s.Next(time.Time{})
	if e.Kind != wire.Element || e.Node.Name.Local != name {
		return nil, fmt.Errorf("%v instead of <%s/>", e, name)
	}
	return e.Node, nil
}

// Address is the full address.
func (c *Client) Address() string { return c.address }

// Send sends a stanza.
func (c *Client) Send(_ context.Context, stanza string) error { return c.s.Write(stanza) }

// Next returns the next stanza.
func (c *Client) Next() (string, error) {
	for {
		e := c.s.Next(time.Time{})
		switch e.Kind {
		case wire.Element:
			return e.Raw, nil
		case wire.Text, wire.Forbidden:
		default:
			return "", net.ErrClosed
		}
	}
}

// Close ends the session.
func (c *Client) Close() error {
	c.closing.Do(func() { c.s.WriteWithin("</stream:stream>", time.Second); c.s.Close() })
	return nil
}

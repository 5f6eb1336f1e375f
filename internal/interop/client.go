package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Command is a command of kit/client.py; see its head for what there is.
type Command map[string]any

// Reply is the answer to a command.
type Reply struct {
	OK        bool   `json:"ok"`
	Error     string `json:"error"`
	Condition string `json:"condition"` // of a stanza error
	StanzaID  string `json:"stanza_id"`
	XML       string `json:"xml"`
	Got       Event  `json:"got"`

	Line string `json:"-"` // as it came
}

// Event is something that a client received.
type Event struct {
	Event     string `json:"event"` // "message", "presence"
	From      string `json:"from"`
	To        string `json:"to"`
	Type      string `json:"type"`
	ID        string `json:"id"`
	Body      string `json:"body"`
	Condition string `json:"condition"` // of a stanza error
	XML       string `json:"xml"`
}

// Client is a real client, logged in at a peer.
type Client struct {
	Address string // bare

	in  io.WriteCloser
	cmd *exec.Cmd

	mu      sync.Mutex
	serial  int
	replies map[string]chan Reply
	online  chan struct{} // closed by the first login
	once    sync.Once
	done    chan struct{} // closed when the process has nothing more to say
	last    []string      // its latest lines, for failures
}

// Login starts a client of the peer and waits until it is online. Flags are
// those of client.py. It logs out when the test ends.
func (k *Kit) Login(t testing.TB, p *Peer, user string, flags ...string) *Client {
	t.Helper()
	return k.login(t, p, user, append([]string{"--ca", k.CA}, flags...))
}

// LoginUnverified is Login for a peer whose certificate nobody should accept.
func (k *Kit) LoginUnverified(t testing.TB, p *Peer, user string) *Client {
	t.Helper()
	return k.login(t, p, user, []string{"--insecure"})
}

func (k *Kit) login(t testing.TB, p *Peer, user string, flags []string) *Client {
	t.Helper()
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "/usr/bin/python3" // the distribution's, which sees the packaged slixmpp
	}
	args := append([]string{filepath.Join(k.root, "internal/interop/kit/client.py"),
		"-j", user + "@" + p.Domain, "-p", k.Password, "-a", p.C2S, "--keep-going"}, flags...)
	c := &Client{
		Address: user + "@" + p.Domain,
		cmd:     exec.Command(python, args...),
		replies: make(map[string]chan Reply),
		online:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in = in
	var complaints strings.Builder
	c.cmd.Stderr = &complaints
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.read(out)
	t.Cleanup(func() { c.close(t) })
	select {
	case <-c.online:
	case <-c.done:
		c.close(t)
		t.Fatalf("interop: %s did not log in:\n%s\n%s", c.Address, c.latest(), complaints.String())
	case <-time.After(30 * time.Second):
		t.Fatalf("interop: %s did not log in in time", c.Address)
	}
	return c
}

// read takes apart what the process says.
func (c *Client) read(out io.Reader) {
	defer close(c.done)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var head struct {
			Event string `json:"event"`
			ID    string `json:"id"`
		}
		if json.Unmarshal(lines.Bytes(), &head) != nil {
			continue
		}
		c.mu.Lock()
		c.last = append(c.last, lines.Text())
		if len(c.last) > 10 {
			c.last = c.last[1:]
		}
		switch head.Event {
		case "online":
			c.once.Do(func() { close(c.online) })
		case "reply":
			reply := Reply{Line: lines.Text()}
			if answer, ok := c.replies[head.ID]; ok && json.Unmarshal(lines.Bytes(), &reply) == nil {
				delete(c.replies, head.ID)
				answer <- reply
			}
		}
		c.mu.Unlock()
	}
}

func (c *Client) latest() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.last, "\n")
}

// Logout logs out, before the test ends.
func (c *Client) Logout(t testing.TB) {
	t.Helper()
	c.close(t)
}

// close logs out, or kills the process if that takes too long.
func (c *Client) close(t testing.TB) {
	c.in.Close() // the end of its commands
	select {
	case <-c.done:
	case <-time.After(10 * time.Second):
		t.Logf("interop: client %s did not end by itself", c.Address)
		c.cmd.Process.Kill()
		<-c.done
	}
	c.cmd.Wait()
}

// Try gives the client a command and returns the reply, with an error if it
// did not work.
func (c *Client) Try(cmd Command) (Reply, error) {
	limit := 60 * time.Second
	answer := make(chan Reply, 1)
	c.mu.Lock()
	c.serial++
	id := strconv.Itoa(c.serial)
	c.replies[id] = answer
	c.mu.Unlock()
	whole := Command{"id": id}
	for k, v := range cmd {
		whole[k] = v
	}
	if seconds, ok := cmd["timeout"].(int); ok {
		limit = time.Duration(seconds)*time.Second + 10*time.Minute
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return Reply{}, err
	}
	if _, err := c.in.Write(append(text, '\n')); err != nil {
		return Reply{}, err
	}
	select {
	case reply := <-answer:
		if !reply.OK {
			return reply, fmt.Errorf("%s: %v: %s", c.Address, cmd["do"], reply.Line)
		}
		return reply, nil
	case <-c.done:
		return Reply{}, fmt.Errorf("%s: %v: the client has ended:\n%s", c.Address, cmd["do"], c.latest())
	case <-time.After(limit):
		return Reply{}, fmt.Errorf("%s: %v: no reply", c.Address, cmd["do"])
	}
}

// Do is Try for commands that must work.
func (c *Client) Do(t testing.TB, cmd Command) Reply {
	t.Helper()
	reply, err := c.Try(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// Send sends a chat message and returns its id.
func (c *Client) Send(t testing.TB, to, body string) string {
	t.Helper()
	return c.Do(t, Command{"do": "message", "to": to, "body": body}).StanzaID
}

// Ping pings an address and fails the test without an answer.
func (c *Client) Ping(t testing.TB, to string) {
	t.Helper()
	c.Do(t, Command{"do": "ping", "to": to})
}

// Wait waits for an event that no other wait has seen and that matches.
func (c *Client) Wait(t testing.TB, event string, match Command) Event {
	t.Helper()
	return c.Do(t, Command{"do": "wait", "event": event, "match": match, "timeout": 60}).Got
}

// WaitMessage waits for a message with that sender and body.
func (c *Client) WaitMessage(t testing.TB, from, body string) Event {
	t.Helper()
	return c.Wait(t, "message", Command{"from": from, "body": body})
}

// WaitError waits for an error in answer to the message with that id.
func (c *Client) WaitError(t testing.TB, from, id string) Event {
	t.Helper()
	return c.Wait(t, "message", Command{"from": from, "type": "error", "id": id})
}

// ExpectNone fails the test if a matching event has come that no wait has seen.
func (c *Client) ExpectNone(t testing.TB, event string, match Command) {
	t.Helper()
	c.Do(t, Command{"do": "none", "event": event, "match": match, "timeout": 0})
}

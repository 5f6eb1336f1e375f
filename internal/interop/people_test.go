package interop

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"
)

const minute = time.Minute

// portrait is an image of a single dot.
const portrait = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// waitPresence waits until the user is shown somebody in some way.
func (u *User) waitPresence(t testing.TB, from, show string) Note {
	t.Helper()
	return u.Wait(t, minute, from+" as "+show, func(n Note) bool {
		return n.Type == "presence" && bare(n.From) == from && n.Show == show
	})
}

// waitSubscription waits until the user's contact list says so of somebody.
func (u *User) waitSubscription(t testing.TB, of, subscription string) {
	t.Helper()
	u.Wait(t, minute, of+" as "+subscription, func(n Note) bool {
		return n.Type == "contact" && n.Contact.Address == of && n.Contact.Subscription == subscription
	})
}

// befriend has each of the two see the other.
func befriend(t testing.TB, u *User, c *Client) {
	t.Helper()
	path := url.PathEscape(c.Address)
	u.Change(t, "PUT", "presence", map[string]string{"show": "online", "status": "here"})
	c.Do(t, Command{"do": "presence", "show": "away", "status": "at the ball"})

	u.Change(t, "PUT", "contacts/"+path, map[string]string{"name": "Friend"})
	c.Wait(t, "presence", Command{"from": u.Address, "type": "subscribe"})
	c.Do(t, Command{"do": "subscribed", "to": u.Address})
	if n := u.waitPresence(t, c.Address, "away"); n.Status != "at the ball" {
		t.Errorf("%s is shown with %q", c.Address, n.Status)
	}

	c.Do(t, Command{"do": "subscribe", "to": u.Address})
	u.Wait(t, minute, "a request", func(n Note) bool { return n.Type == "request" && bare(n.From) == c.Address })
	u.Change(t, "POST", "requests/"+path, map[string]bool{"accept": true})
	c.Wait(t, "presence", Command{"from": u.Address, "type": "subscribed"})
	got := c.Wait(t, "presence", Command{"from": u.Address + "/chatd", "contains": "<status>here</status>"})
	if got.Type != "" && got.Type != "available" {
		t.Errorf("%s is shown as %q", u.Address, got.Type)
	}
	u.waitSubscription(t, c.Address, "both")
}

// Subscriptions, presence, receipts, corrections, avatars and blocks with an
// account at each peer, whose server restarts in between.
func TestPeople(t *testing.T) {
	kit := Open(t)
	service := kit.StartChatd(t, Chatd{})
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		alice := service.NewUser(t, "alice-"+p.Name)
		client := kit.Login(t, p, p.Users[1])
		path := url.PathEscape(client.Address)
		befriend(t, alice, client)

		// Offline and online again, seen from both sides.
		alice.Change(t, "PUT", "presence", map[string]string{"show": "offline"})
		client.Wait(t, "presence", Command{"from": alice.Address + "/chatd", "type": "unavailable"})
		alice.Change(t, "PUT", "presence", map[string]string{"show": "dnd", "status": "again"})
		client.Wait(t, "presence", Command{"from": alice.Address + "/chatd", "contains": "<status>again</status>"})
		alice.waitPresence(t, client.Address, "away") // probed, and answered
		client.Do(t, Command{"do": "presence", "type": "unavailable"})
		alice.waitPresence(t, client.Address, "offline")
		client.Do(t, Command{"do": "presence", "show": "chat"})
		alice.waitPresence(t, client.Address, "chat")

		// A receipt each way.
		id := alice.Post(t, map[string]any{"to": client.Address, "body": "received?", "receipt": true})
		client.WaitMessage(t, alice.Address, "received?")
		client.Do(t, Command{"do": "message", "to": alice.Address, "body": "", "xml": "<received xmlns='urn:xmpp:receipts' id='" + id + "'/>"})
		alice.Wait(t, minute, "a receipt", func(n Note) bool { return n.Type == "receipt" && n.InReplyTo == id })
		id = client.Do(t, Command{"do": "message", "to": alice.Address, "body": "and you?", "xml": "<request xmlns='urn:xmpp:receipts'/>"}).StanzaID
		alice.WaitMessage(t, client.Address, "and you?")
		client.Wait(t, "message", Command{"from": alice.Address, "contains": "id=\"" + id + "\""})

		// A correction each way.
		first := alice.Send(t, client.Address, "at nine")
		client.WaitMessage(t, alice.Address, "at nine")
		alice.Post(t, map[string]any{"to": client.Address, "body": "at ten", "replaces": first})
		if got := client.WaitMessage(t, alice.Address, "at ten"); !strings.Contains(got.XML, "urn:xmpp:message-correct:0") || !strings.Contains(got.XML, first) {
			t.Errorf("a correction came as %s", got.XML)
		}
		first = client.Send(t, alice.Address, "at one")
		client.Do(t, Command{"do": "message", "to": alice.Address, "body": "at two", "xml": "<replace xmlns='urn:xmpp:message-correct:0' id='" + first + "'/>"})
		alice.Wait(t, minute, "a correction", func(n Note) bool { return n.Type == "correction" && n.Replaces == first && n.Body == "at two" })

		// The user's avatar, as a node and as a vCard.
		alice.Change(t, "PUT", "profile", map[string]any{"name": "Alice", "nick": "al", "avatar": map[string]string{"type": "image/png", "data": portrait}})
		vcard := client.Do(t, Command{"do": "iq", "to": alice.Address, "type": "get", "xml": "<vCard xmlns='vcard-temp'/>"})
		node := client.Do(t, Command{"do": "fetch", "to": alice.Address, "node": "urn:xmpp:avatar:data"})
		for what, xml := range map[string]string{"vCard": vcard.Line, "node": node.Line} {
			if !strings.Contains(xml, portrait) {
				t.Errorf("the avatar's %s is %s", what, xml)
			}
		}
		// The client's, which its server tells of, and shows.
		image, err := base64.StdEncoding.DecodeString(portrait)
		if err != nil {
			t.Fatal(err)
		}
		publishAvatar(t, client, image)
		alice.Wait(t, minute, "a contact's avatar", func(n Note) bool {
			return n.Type == "contact" && n.Contact.Address == client.Address && n.Contact.Avatar != ""
		})
		if got := alice.Get(t, "contacts/"+path+"/avatar"); !bytes.Equal(got, image) {
			t.Errorf("the contact's avatar is %q", got)
		}

		// The peer restarts: the presence of its users is asked for again.
		p.Stop(t)
		p.Start(t)
		again := kit.Login(t, p, p.Users[1])
		again.Do(t, Command{"do": "presence", "show": "dnd", "status": "back"})
		alice.waitPresence(t, client.Address, "dnd")

		// Blocked: the account looks away, and messages come back.
		alice.Change(t, "PUT", "blocked/"+path, nil)
		again.Wait(t, "presence", Command{"from": alice.Address + "/chatd", "type": "unavailable"})
		id = again.Send(t, alice.Address, "let me in")
		if e := again.WaitError(t, alice.Address, id); e.Condition != "service-unavailable" {
			t.Errorf("who is blocked is told %q", e.Condition)
		}
		alice.Change(t, "DELETE", "blocked/"+path, nil)
		again.Wait(t, "presence", Command{"from": alice.Address + "/chatd", "contains": "<status>again</status>"})

		// The end, from both sides.
		again.Do(t, Command{"do": "unsubscribe", "to": alice.Address})
		alice.waitSubscription(t, client.Address, "to")
		alice.Change(t, "DELETE", "contacts/"+path, nil)
		again.Wait(t, "presence", Command{"from": alice.Address, "type": "unsubscribe"})
		alice.Wait(t, minute, "the contact's removal", func(n Note) bool {
			return n.Type == "contact" && n.Contact.Address == client.Address && n.Contact.Removed
		})
	})
}

// publishAvatar does what a client does to show an image (XEP-0084).
func publishAvatar(t testing.TB, c *Client, image []byte) {
	t.Helper()
	sum := sha1.Sum(image)
	id := hex.EncodeToString(sum[:])
	c.Do(t, Command{"do": "publish", "node": "urn:xmpp:avatar:data", "item": id,
		"xml": "<data xmlns='urn:xmpp:avatar:data'>" + base64.StdEncoding.EncodeToString(image) + "</data>"})
	c.Do(t, Command{"do": "publish", "node": "urn:xmpp:avatar:metadata", "item": id,
		"xml": "<metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='70' id='" + id + "' type='image/png'/></metadata>"})
}

package s2stest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// A bot greets whoever writes to it, when the network is down a little later.
func TestBot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := stanza.NewMux()
		mux.HandleMessage("", stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
			return stanza.Text(m.To, m.From, "Hello, "+m.From.Local()+"!"), nil
		}))
		network := s2stest.NewNetwork(t)
		network.Server(s2s.Config{Services: []string{"bot.example"}, Handler: mux})
		romeo := network.Peer("montague.example")

		const hi = `<message from="romeo@montague.example" to="bot.example"><body>hi</body></message>`
		const hello = `<message from="bot.example" to="romeo@montague.example"><body>Hello, romeo!</body></message>`
		romeo.Send(hi)
		romeo.Expect(hello)

		synctest.Wait() // or what is under way might come twice
		network.Cut("bot.example", "montague.example")
		romeo.Send(hi)
		romeo.Quiet(time.Minute)
		network.Heal("bot.example", "montague.example")
		time.Sleep(time.Minute) // servers pause between attempts
		romeo.Expect(hello)
	})
}

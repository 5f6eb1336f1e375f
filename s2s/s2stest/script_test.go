package s2stest_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// startBot starts a service that greets whoever writes to it.
func startBot(t *testing.T, n *s2stest.Network) {
	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
		if e := m.Err(); e != nil {
			n.Note("to %s: %s", m.To, e.Condition)
			return nil, nil
		}
		n.Note("%s says %q", m.From, m.Body())
		return stanza.Text(m.To, m.From, "Hello, "+m.From.Local()+"!"), nil
	}))
	n.Server(s2s.Config{Services: []string{"bot.example"}, Handler: mux})
}

func TestTranscripts(t *testing.T) {
	s2stest.Run(t, "testdata/*.txt", *update, startBot)
}

// A transcript that does not hold is rewritten, and then holds.
func TestRunUpdates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stale.txt")
	const stale = "peer: montague.example\nsend: <message from='romeo@montague.example' to='bot.example'><body>hi</body></message>\ngot: stale\n"
	if err := os.WriteFile(file, []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	s2stest.Run(t, file, true, startBot)
	s2stest.Run(t, file, false, startBot)
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "stale") || !strings.Contains(string(text), "Hello, romeo!") {
		t.Errorf("rewritten as %s (%v)", text, err)
	}
}

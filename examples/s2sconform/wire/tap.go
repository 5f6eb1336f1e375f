package wire

import (
	"net"
	"sync"
)

// recordAlert is the type of a TLS record that holds an alert.
const recordAlert = 21

// tap watches the TLS records that arrive on a connection.
type tap struct {
	net.Conn

	mu     sync.Mutex
	header []byte // of the record that begins, up to five bytes
	body   int    // bytes of the record that are still to come
	last   byte   // type of the last record
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	for b := p[:n]; len(b) > 0; {
		if t.body > 0 {
			skip := min(t.body, len(b))
			t.body -= skip
			b = b[skip:]
			continue
		}
		t.header = append(t.header, b[0])
		b = b[1:]
		if len(t.header) == 5 {
			t.last = t.header[0]
			t.body = int(t.header[3])<<8 | int(t.header[4])
			t.header = t.header[:0]
		}
	}
	return n, err
}

// forget makes the tap expect the beginning of a record, after plain text.
func (t *tap) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.header, t.body, t.last = t.header[:0], 0, 0
}

func (t *tap) alerted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last == recordAlert && t.body == 0
}

package wire

import (
	"fmt"
	"strings"
	"sync"
)

const (
	maxLines = 60   // of a log that are kept, the last ones
	maxLine  = 1000 // bytes of one
)

// Log keeps the last things that went over the streams of a scenario. The zero
// Log is ready for use; it is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	lines []string
}

// Add notes a line.
func (l *Log) Add(name, text string) { l.add(name, "", text) }

func (l *Log) add(name, direction, text string) {
	if cut := len(text) - maxLine; cut > 0 {
		text = fmt.Sprintf("%s ... and %d bytes more", text[:maxLine], cut)
	}
	line := name + direction + " " + strings.ToValidUTF8(text, "\uFFFD")
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == maxLines {
		l.lines = l.lines[:copy(l.lines, l.lines[1:])]
	}
	l.lines = append(l.lines, line)
}

// Lines returns what was noted: the name of the stream, ">" for what was sent
// and "<" for what was received, and the text.
func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

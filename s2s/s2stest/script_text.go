package s2stest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// expand makes an input of what is written in the transcript: {1} is the id that
// is shown so, {x7} seven bytes of text.
func (s *script) expand(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, name := range s.names {
		text = strings.ReplaceAll(text, name, id)
	}
	return fillText(text)
}

// fillText makes {xN} N bytes of text.
func fillText(text string) string {
	return regexp.MustCompile(`\{x[0-9]{1,7}\}`).ReplaceAllStringFunc(text, func(m string) string {
		n, _ := strconv.Atoi(m[2 : len(m)-1])
		return strings.Repeat("x", n)
	})
}

// tidy makes an output fit for a transcript: random ids become {1}, {2} and so
// on, and where inputs say {xN} so do outputs. s.mu is held.
func (s *script) tidy(text string) string {
	found := regexp.MustCompile(`[A-Z2-7]{26}`).FindAllString(text, -1)
	for _, m := range regexp.MustCompile(`^<[^>]* id="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	for _, id := range found {
		if strings.Contains(s.given, id) || strings.HasPrefix(id, "{") {
			continue
		}
		if s.names[id] == "" {
			s.names[id] = fmt.Sprintf("{%d}", len(s.names)+1)
		}
		text = strings.ReplaceAll(text, id, s.names[id])
	}
	if strings.Contains(s.given, "{x") {
		text = regexp.MustCompile(`([>'"])(x+)([<'"])`).ReplaceAllStringFunc(text, func(m string) string {
			return m[:1] + fmt.Sprintf("{x%d}", len(m)-2) + m[len(m)-1:]
		})
	}
	return text
}

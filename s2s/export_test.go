package s2s

// Remembered returns how many remote domains and addresses the server keeps
// account of.
func (s *Server) Remembered() (domains, addresses int) {
	l := &s.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.domains.len(), l.addresses.len()
}

// MaxRemembered is the most of each that is kept of those without streams.
const MaxRemembered = maxResting

func (t *table[K, E]) len() int {
	if t == nil {
		return 0
	}
	return len(t.used) + len(t.resting)
}

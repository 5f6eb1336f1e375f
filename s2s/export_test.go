package s2s

// Remembered returns how many remote domains and addresses the server keeps
// account of.
func (s *Server) Remembered() (domains, addresses int) {
	l := &s.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.domains.len(), l.addresses.len()
}

// Held returns how many stanzas the queues of all routes hold in memory, and what
// they take.
func (s *Server) Held() (stanzas, bytes int) {
	return int(s.total.stanzas.Load()), int(s.total.memory.Load())
}

// Links returns how many routes the server keeps account of.
func (s *Server) Links() int {
	s.lmu.RLock()
	defer s.lmu.RUnlock()
	return len(s.links.byRoute)
}

// MaxRemembered is the most of each that is kept of those without streams.
const MaxRemembered = maxResting

func (t *table[K, E]) len() int {
	if t == nil {
		return 0
	}
	return len(t.used) + len(t.resting)
}

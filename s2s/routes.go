package s2s

import "isthmus.im/jid"

// routes are the links of a server, by route and by remote domain.
type routes struct {
	byRoute  map[Route]*link
	byRemote map[jid.JID]map[*link]struct{}
}

func (r *routes) add(l *link) {
	if r.byRoute == nil {
		r.byRoute, r.byRemote = make(map[Route]*link), make(map[jid.JID]map[*link]struct{})
	}
	r.byRoute[l.route] = l
	set := r.byRemote[l.route.Remote]
	if set == nil {
		set = make(map[*link]struct{}, 1)
		r.byRemote[l.route.Remote] = set
	}
	set[l] = struct{}{}
}

func (r *routes) remove(l *link) {
	delete(r.byRoute, l.route)
	set := r.byRemote[l.route.Remote]
	if delete(set, l); len(set) == 0 {
		delete(r.byRemote, l.route.Remote)
	}
}

// linkAt returns the link of a route; nil if there is none.
func (s *Server) linkAt(r Route) *link {
	s.lmu.RLock()
	defer s.lmu.RUnlock()
	return s.links.byRoute[r]
}

// kick lets the links with a remote domain try again at once: it has shown up.
func (s *Server) kick(remote jid.JID) { s.with(remote, (*link).kick) }

// stir does so if it is worth while: a stanza came from the domain.
func (s *Server) stir(remote jid.JID) { s.with(remote, (*link).stir) }

// with calls f for the links with a remote domain.
func (s *Server) with(remote jid.JID, f func(*link)) {
	s.lmu.RLock()
	list := make([]*link, 0, len(s.links.byRemote[remote]))
	for l := range s.links.byRemote[remote] {
		list = append(list, l)
	}
	s.lmu.RUnlock()
	for _, l := range list {
		f(l)
	}
}

// linksOf returns the links whose routes f is true of.
func (s *Server) linksOf(f func(Route) bool) []*link {
	s.lmu.RLock()
	defer s.lmu.RUnlock()
	var list []*link
	for r, l := range s.links.byRoute {
		if f(r) {
			list = append(list, l)
		}
	}
	return list
}

package s2s_test

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// Whoever asks a domain hears how to reach those who run it (XEP-0157): from the server
// itself, and from a host that answers service discovery on its own, which says its own.
func TestContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := disco.Contacts{
			"abuse-addresses":    {"mailto:abuse@capulet.example", "xmpp:abuse@capulet.example"},
			"security-addresses": {"https://capulet.example/security"},
		}
		own := stanza.NewMux()
		service := disco.Service{Features: own, Contacts: disco.Contacts{"admin-addresses": {"mailto:admin@capulet.example"}}}
		service.Register(own)
		silent := stanza.NewMux()
		(&disco.Service{Features: silent}).Register(silent)

		n := s2stest.NewNetwork(t)
		asker := n.Peer("montague.example").Server()
		for domain, tt := range map[string]struct {
			mux         *stanza.Mux
			config, got disco.Contacts
		}{
			"server.capulet.example": {stanza.NewMux(), servers, servers},
			"none.capulet.example":   {stanza.NewMux(), nil, nil},
			"host.capulet.example":   {own, servers, service.Contacts},
			"silent.capulet.example": {silent, servers, nil},
		} {
			n.Server(s2s.Config{Domains: []string{domain}, Handler: tt.mux, Contacts: tt.config})
			info, err := disco.GetInfo(t.Context(), asker, jid.MustParse("montague.example"), jid.MustParse(domain), "")
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Contacts(); !maps.EqualFunc(got, tt.got, slices.Equal) {
				t.Errorf("%s tells %v, want %v", domain, got, tt.got)
			}
			if len(tt.got) == 0 && len(info.Forms) > 0 {
				t.Errorf("%s has forms: %s", domain, info.Forms)
			}
		}
	})
}

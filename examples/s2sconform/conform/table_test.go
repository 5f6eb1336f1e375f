package conform

import (
	"regexp"
	"testing"
)

var (
	idForm     = regexp.MustCompile(`^[a-z0-9]+([-.][a-z0-9]+)*$`)
	clauseForm = regexp.MustCompile(`^(RFC \d{4} section \d+(\.\d+)*( \(RFC \d{4} section \d+(\.\d+)*\))?|XEP-\d{4} section \d+(\.\d+)*)$`)
)

func TestTable(t *testing.T) {
	all := Scenarios()
	if len(all) < 120 {
		t.Errorf("%d scenarios", len(all))
	}
	seen := make(map[string]bool)
	groups := make(map[string]bool)
	last := ""
	for _, s := range all {
		switch {
		case !idForm.MatchString(s.ID) || len(s.ID) > 28:
			t.Errorf("the id %q", s.ID)
		case seen[s.ID]:
			t.Errorf("%s is there twice", s.ID)
		case !clauseForm.MatchString(s.Clause):
			t.Errorf("%s: the clause is %q", s.ID, s.Clause)
		case s.Title == "" || s.Level != Must && s.Level != Should || s.Role != Acceptor && s.Role != Initiator || s.run == nil:
			t.Errorf("%s lacks something: %+v", s.ID, s)
		case s.Group != last && groups[s.Group] && !s.Last:
			t.Errorf("%s is not beside the others of its group", s.ID)
		}
		seen[s.ID], groups[s.Group], last = true, true, s.Group
	}
}

package s2s

import (
	"context"
	"strings"
	"time"

	"isthmus.im/jid"
)

// Step is a part of the way to a domain.
type Step string

// The steps in the order in which they are taken. The last one is
// [Server.CheckDomain]'s, and comes up in [Server.Explain], early, only if
// something is wrong with it.
const (
	StepPolicy      Step = "policy"      // may we
	StepDNS         Step = "dns"         // SRV records
	StepAddress     Step = "address"     // addresses of one target
	StepTCP         Step = "tcp"         // a connection to one address
	StepStream      Step = "stream"      // stream headers and first features
	StepTLS         Step = "tls"         // STARTTLS or direct TLS
	StepIdentity    Step = "identity"    // the peer's certificate
	StepFeatures    Step = "features"    // what the peer offers behind TLS
	StepAuth        Step = "auth"        // SASL EXTERNAL: our certificate, seen by the peer
	StepDialback    Step = "dialback"    // XEP-0220, where Config.Dialback permits it and SASL EXTERNAL does not do
	StepLimits      Step = "limits"      // XEP-0478
	StepAcks        Step = "acks"        // XEP-0198
	StepBidi        Step = "bidi"        // XEP-0288
	StepPing        Step = "ping"        // XEP-0199, there and back
	StepCertificate Step = "certificate" // one of our own certificates
)

// Status says what to make of a [Finding].
type Status string

// The four statuses.
const (
	StatusOK      Status = "ok"
	StatusInfo    Status = "info"    // neither good nor bad
	StatusWarning Status = "warning" // works now, or with some peers
	StatusFailed  Status = "failed"
)

// Finding is what became of one step. Its texts never hold stanzas, keys or
// other secrets; what a peer said in them is shortened to 400 bytes and free of
// control characters.
type Finding struct {
	Step   Step   `json:"step"`
	Status Status `json:"status"`
	Code   Code   `json:"code"`
	// Target is the host and port that DNS named; for StepCertificate the
	// local domain. Empty where the step has none.
	Target string        `json:"target,omitempty"`
	Addr   string        `json:"addr,omitempty"` // IP address and port
	Took   time.Duration `json:"took_ns"`
	Detail string        `json:"detail,omitempty"` // what was seen, in English
	Remedy string        `json:"remedy,omitempty"` // what to change and where; empty when nothing is wrong
}

// Report is the result of [Server.Explain] and [Server.CheckDomain]. It is a
// plain value that encodes to JSON and back; fields and codes keep their names.
type Report struct {
	Local  jid.JID       `json:"local"`
	Remote jid.JID       `json:"remote,omitzero"` // zero: of CheckDomain
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took_ns"`
	// Reachable says that an authenticated stream could be opened; of
	// CheckDomain that nothing failed.
	Reachable bool `json:"reachable"`
	// Code is that of the failure that came furthest; CodeOK if Reachable and,
	// where there was a ping, it was answered.
	Code     Code      `json:"code"`
	Findings []Finding `json:"findings"`
}

// Explain tries to reach the domain remote as the local domain would and
// reports each step: what happened, how long it took and, if it went wrong,
// what to change. It opens a stream of its own, next to those that carry
// stanzas, tries the targets one after the other until one works, and ends with
// a ping (XEP-0199) that goes the whole way there and back; a server that does
// not listen leaves the ping out unless the stream carries stanzas both ways.
// Each attempt and the ping take at most Limits.Negotiation.
//
// watch, unless nil, is called with each finding as it is made, on the
// goroutine of Explain. The report is never nil; when ctx ends, or the server
// closes, it holds what was found until then.
func (s *Server) Explain(ctx context.Context, local, remote jid.JID, watch func(Finding)) *Report {
	ctx, cancel := s.while(ctx)
	defer cancel()
	p := s.newProbe(local.Host(), remote.Host(), watch)
	if p.allowed(ctx) {
		p.ownCertificate()
		p.reach(ctx, false)
	}
	return p.finish()
}

// while returns a context that also ends with the server.
func (s *Server) while(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	if s.ctx.Err() != nil {
		cancel() // at once
	}
	return ctx, func() { stop(); cancel() }
}

// probe makes a Report.
type probe struct {
	s             *Server
	local, remote jid.JID
	rule          *rule // of remote
	report        *Report
	watch         func(Finding)
	begin, mark   time.Time // mark: when the last finding was made
	target, addr  string    // of the attempt under way
	rank          int       // of the failure that Report.Code is from
	failures      int
}

func (s *Server) newProbe(local, remote jid.JID, watch func(Finding)) *probe {
	now := time.Now()
	return &probe{
		s: s, local: local, remote: remote, rule: s.rules.Load().of(remote), watch: watch, begin: now, mark: now,
		report: &Report{Local: local, Remote: remote, At: now.UTC().Round(0), Code: CodeOK, Findings: []Finding{}},
	}
}

// found adds a finding; its time is what passed since the one before.
func (p *probe) found(step Step, status Status, code Code, detail string) {
	p.foundAt(time.Now(), step, status, code, detail)
}

// foundAt is found for a step that was over earlier.
func (p *probe) foundAt(now time.Time, step Step, status Status, code Code, detail string) {
	remote := p.remote.String()
	if step == StepCertificate {
		remote = "" // it is ours
	}
	f := Finding{
		Step: step, Status: status, Code: code, Target: plain(p.target), Addr: p.addr,
		Took: now.Sub(p.mark), Detail: plain(detail), Remedy: remedy(code, p.local.String(), remote),
	}
	p.mark = now
	p.report.Findings = append(p.report.Findings, f)
	if status == StatusFailed {
		p.failures++
		if r := rank(step); r > p.rank {
			p.rank, p.report.Code = r, code
		}
	}
	if p.watch != nil {
		p.watch(f)
	}
}

func (p *probe) ok(step Step, detail string) { p.found(step, StatusOK, CodeOK, detail) }

func (p *probe) failed(step Step, code Code, err error) {
	detail := ""
	if err != nil {
		detail = err.Error()
	}
	p.found(step, StatusFailed, code, detail)
}

func (p *probe) finish() *Report {
	p.report.Took = time.Since(p.begin)
	if p.report.Reachable && p.rank < rank(StepPing) {
		p.report.Code = CodeOK
	}
	return p.report
}

// rank orders steps by how far they are on the way.
func rank(s Step) int {
	for i, step := range [...]Step{
		StepPolicy, StepDNS, StepAddress, StepTCP, StepStream, StepTLS, StepIdentity, StepFeatures,
		StepAuth, StepDialback, StepLimits, StepAcks, StepBidi, StepPing, StepCertificate,
	} {
		if s == step {
			return i + 1
		}
	}
	return 0
}

// maxDetail is how many bytes of a text a finding repeats.
const maxDetail = 400

// plain makes a text fit for terminals and logs.
func plain(s string) string {
	if len(s) > maxDetail {
		s = s[:maxDetail] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

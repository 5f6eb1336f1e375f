package dialback

import "isthmus.im/jid"

// Question is a key that awaits verification. It is made by the machine of the
// stream on which the key arrived, and never changes.
type Question struct {
	asker   *Machine
	request Element // the <db:result/>
	id      string
}

// Local returns the domain of this side that the peer wants to send to.
func (q *Question) Local() jid.JID { return q.request.To }

// Remote returns the domain that the peer claims. Its servers are those to ask.
func (q *Question) Remote() jid.JID { return q.request.From }

// verify returns the <db:verify/> that puts the question.
func (q *Question) verify() Element {
	return Element{Kind: Verify, From: q.Local(), To: q.Remote(), ID: q.id, Key: q.request.Key}
}

// Verdict is what a question came to. A good one is made by [Machine.Step] alone,
// out of an answer to the question; what a driver can make is [Unverified].
type Verdict struct {
	question  *Question
	kind      Type
	condition string
	text      string
}

// Question returns the question.
func (v Verdict) Question() *Question { return v.question }

// Type returns Valid, Invalid or Failure; of the zero Verdict, which is about no
// question, it returns Request.
func (v Verdict) Type() Type { return v.kind }

// Unverified is the verdict on a question that could not be answered: with
// [RemoteConnectionFailed] when no server of the domain could be reached,
// [RemoteServerNotFound] when DNS does not know the domain or its server said
// host-unknown, [RemoteServerTimeout] when the answer did not come, and
// [ResourceConstraint] when this side does not go to the trouble. The text is
// sent to the peer.
func Unverified(q *Question, condition, text string) Verdict {
	return Verdict{question: q, kind: Failure, condition: condition, text: text}
}

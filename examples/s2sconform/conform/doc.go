// Package conform checks a server against what RFC 6120 and its companions ask
// of federation between servers.
//
// It is a table of scenarios ([Scenarios]), each with the clause that it checks,
// and a peer that plays them against any server, byte by byte ([Run]). The peer
// shares no code with the library: what it sends is written out in the
// scenarios, what it receives is read with encoding/xml.
//
// Each scenario runs in the name of a domain of its own, below [Env.Domain], so
// that streams and grudges that another left behind at the target do not matter.
// The target must be able to connect back to all of them.
//
// # What is fair
//
// Where the text allows several behaviours all of them pass. A scenario fails
// for a MUST only; what breaks a SHOULD deviates. What cannot be seen is
// skipped, with the reason. No outcome depends on how fast the target is, up to
// [Env.Patience]: that something was handled is shown by the answer to an iq sent
// behind it from and to the same addresses.
package conform

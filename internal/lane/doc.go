// Package lane runs work in order per key and concurrently across keys.
//
// A [Pool] keeps one lane per key that has work. Items pushed for the same key
// are handed to the pool's function one at a time, in the order of their
// pushes, by a goroutine that lives only while its lane has work; lanes of
// different keys run concurrently. A pool with nothing to do holds no
// goroutine and no memory per key.
//
// A lane is bounded. A push onto a full lane waits until a quarter of the lane
// is free again, for as long as the pool's patience lasts; that is how a slow
// consumer slows its producer down. A lane that does not drain in that time is
// stuck: pushes onto it are refused at once until it has drained that far, so
// that one dead consumer costs its producer a single wait and not one per
// item.
package lane

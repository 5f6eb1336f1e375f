// Package own is the library itself as a target of package conform: a server
// with one user, and the suite's place beside it, on loopback or in memory.
package own

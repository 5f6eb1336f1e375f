// Package library runs the library inside the test process against real
// servers, for what the example service has no interface to: requests of our
// own, sessions for mellium's packages, streams as [s2s.Server.Streams] tells them,
// odd entries in DNS, and load without a client protocol in between.
package library

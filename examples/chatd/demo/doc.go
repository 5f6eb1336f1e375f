// Package demo runs two chat services in one process and lets them federate.
//
// Everything that federation needs is real and on loopback: a name server with
// SRV records, a certificate authority, a TCP port for each service. The two
// services share nothing else; each has its own SQLite file.
package demo

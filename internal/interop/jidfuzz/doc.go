// Package jidfuzz compares package jid with the address type of mellium.im/xmpp,
// an independent implementation of RFC 7622, on arbitrary input.
//
// The two must agree except for the differences listed in this package, each
// of which says who is right and why.
package jidfuzz

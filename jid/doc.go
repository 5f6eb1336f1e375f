// Package jid implements addresses of XMPP, which the specifications call
// Jabber identifiers: local@domain/resource.
package jid

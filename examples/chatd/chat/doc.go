// Package chat puts chatd together: users and events in a store, the client
// protocol over HTTP, and federation.
//
// federation.go is the part to read: it is all that a service which already
// has users and messages of its own adds in order to federate.
package chat

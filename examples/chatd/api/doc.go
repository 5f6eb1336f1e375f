// Package api is chatd's own client protocol: JSON over HTTP, events as
// server-sent events, and a small web page that uses both.
//
//	POST /v1/users                   {"name"}        201 {"name","address","token"}    administrator
//	POST /v1/users/{name}/messages   {"to","body"}   202 {"id"}                        that user
//	     with "replaces":ID, to correct a message, and "receipt":true, to be told when it arrives
//	GET  /v1/users/{name}/events?after=N             text/event-stream                 that user
//	GET  /v1/users/{name}/events?after=N&wait=0      [event, ...]                      that user
//	GET  /v1/federation/streams                      [stream, ...]                     administrator
//	GET  /healthz                                    {"status":"ok"}                   anybody
//	GET  /                                           the web page                      anybody
//
// and, all for that user, with 204 as the answer to what changes something,
//
//	GET    /v1/users/{name}/contacts                      [contact, ...]
//	PUT    /v1/users/{name}/contacts/{address}            {"name"}, which asks to see their presence
//	DELETE /v1/users/{name}/contacts/{address}
//	GET    /v1/users/{name}/contacts/{address}/avatar     the image
//	POST   /v1/users/{name}/requests/{address}            {"accept":true}; 404: there is no request
//	PUT    /v1/users/{name}/blocked/{address}             and DELETE
//	PUT    /v1/users/{name}/presence                      {"show","status"}; show is online, chat, away, xa, dnd or offline
//	PUT    /v1/users/{name}/profile                       {"name","nick","avatar":{"type","data"}}, data in base64; and GET
//
// Who calls is told by "Authorization: Bearer TOKEN". 401 means that there is
// no token or nobody has it, 403 that it is another's, 409 that the user has
// blocked the address. A request that makes no sense gets a 4xx status and {"error":"..."}.
//
// A name is the local part of an address on the first of the service's domains,
// or a whole address, "name@domain", on any of them.
//
// An event is
//
//	{"id":1,"type":"message","from":"...","to":"...","body":"...","stanza_id":"...","at":"2006-01-02T15:04:05Z"}
//	{"id":2,"type":"error","in_reply_to":"...","condition":"...","text":"...","from":"...","to":"...","at":"..."}
//
//	{"id":3,"type":"correction","replaces":"...",...}, the rest as of a message
//	{"id":4,"type":"receipt","in_reply_to":"...","from":"...","at":"..."}
//	{"id":5,"type":"request","from":"...","nick":"...","at":"..."}, to be answered
//	{"id":6,"type":"presence","from":"...","show":"away","status":"...","at":"..."}, with show "offline" and "unknown", too
//	{"id":7,"type":"contact","contact":{"address","name","subscription","asked","request","removed","nick","avatar"},"at":"..."},
//	     with those fields that are told
//
// where in_reply_to and replaces are the id that POST .../messages returned. Ids of events
// count 1, 2, 3, ... for each user; a client that lost its connection goes on
// with Last-Event-ID or after=N. Without wait=0 the answer does not end.
package api

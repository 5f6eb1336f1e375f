CREATE TABLE IF NOT EXISTS users (
	id         INTEGER PRIMARY KEY,
	address    TEXT NOT NULL UNIQUE, -- normalised, bare
	peer_key   TEXT NOT NULL UNIQUE, -- what a stringprep server compares
	token_hash BLOB NOT NULL UNIQUE, -- SHA-256
	created    INTEGER NOT NULL      -- Unix milliseconds
) STRICT;

CREATE TABLE IF NOT EXISTS events (
	user_id     INTEGER NOT NULL REFERENCES users (id),
	id          INTEGER NOT NULL, -- 1, 2, 3, ... for each user
	type        TEXT NOT NULL,
	sender      TEXT NOT NULL,
	recipient   TEXT NOT NULL,
	body        TEXT NOT NULL,
	stanza_id   TEXT NOT NULL,
	in_reply_to TEXT NOT NULL,
	condition   TEXT NOT NULL,
	text        TEXT NOT NULL,
	at          INTEGER NOT NULL, -- Unix microseconds
	PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

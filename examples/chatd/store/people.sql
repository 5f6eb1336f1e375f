ALTER TABLE events ADD COLUMN detail TEXT NOT NULL DEFAULT ''; -- JSON, see Event.Detail

CREATE TABLE contacts (
	user    TEXT NOT NULL, -- an address
	contact TEXT NOT NULL,
	item    TEXT NOT NULL, -- JSON of a roster.Item
	PRIMARY KEY (user, contact)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocked (
	user_id INTEGER NOT NULL REFERENCES users (id),
	address TEXT NOT NULL,
	PRIMARY KEY (user_id, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE profiles (
	user_id     INTEGER PRIMARY KEY REFERENCES users (id),
	name        TEXT NOT NULL,
	nick        TEXT NOT NULL,
	avatar_type TEXT NOT NULL,
	avatar      BLOB NOT NULL,
	changed     INTEGER NOT NULL -- Unix milliseconds
) STRICT;

CREATE TABLE online (
	user_id INTEGER PRIMARY KEY REFERENCES users (id),
	show    TEXT NOT NULL,
	status  TEXT NOT NULL
) STRICT;

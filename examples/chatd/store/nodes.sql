CREATE TABLE nodes (
	owner       TEXT NOT NULL, -- an address
	name        TEXT NOT NULL,
	created     INTEGER NOT NULL, -- Unix milliseconds
	config      TEXT NOT NULL, -- JSON of a pep.Config
	subscribers TEXT NOT NULL, -- JSON of addresses
	PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE items (
	owner     TEXT NOT NULL,
	node      TEXT NOT NULL,
	id        TEXT NOT NULL,
	position  INTEGER NOT NULL, -- rises with each publication
	published INTEGER NOT NULL, -- Unix milliseconds
	payload   BLOB, -- NULL: none
	PRIMARY KEY (owner, node, id)
) STRICT;

CREATE INDEX items_by_position ON items (owner, node, position);

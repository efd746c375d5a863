-- Moments are microseconds since 1970, ids the 16 bytes of a UUID. "Sealed" is encrypted with the
-- server's key and bound to the row; "hashed" is keyed, so that nobody without the key tries
-- values out.

CREATE TABLE key_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
) STRICT;

-- One row to write where nothing else would be written.
CREATE TABLE heartbeat (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    beats INTEGER NOT NULL
) STRICT;
INSERT INTO heartbeat VALUES (1, 0);

CREATE TABLE accounts (
    id BLOB PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL, -- Argon2id in PHC form
    disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE services (
    id BLOB PRIMARY KEY,
    account BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    fqdn TEXT NOT NULL,
    template TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (account, name),
    UNIQUE (account, fqdn)
) STRICT, WITHOUT ROWID;

-- A user with its one authentication, so that a step reads and writes one row.
CREATE TABLE users (
    place INTEGER PRIMARY KEY AUTOINCREMENT, -- the order they came in
    id BLOB NOT NULL UNIQUE,
    service BLOB NOT NULL REFERENCES services (id) ON DELETE CASCADE,
    id_in_service TEXT NOT NULL,
    phone BLOB NOT NULL, -- sealed
    created_at INTEGER NOT NULL,
    auth_id BLOB, -- none when nothing runs; the others are set with it
    pin_mac BLOB, -- none when an authenticator is asked for
    started_at INTEGER,
    expires_at INTEGER,
    tries_left INTEGER,
    last_pin_at INTEGER,
    wrong_in_a_row INTEGER NOT NULL DEFAULT 0,
    totp_secret BLOB, -- sealed
    totp_confirmed INTEGER NOT NULL DEFAULT 0,
    totp_last_step INTEGER,
    UNIQUE (service, id_in_service)
) STRICT;
CREATE INDEX users_in_order ON users (service, place);

-- What was sent when, as far as a budget asks.
CREATE TABLE sent (
    id INTEGER PRIMARY KEY,
    what BLOB NOT NULL, -- hashed
    at INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;
CREATE INDEX sent_by_what ON sent (what, at);
CREATE INDEX sent_by_until ON sent (until);

CREATE TABLE idempotency_keys (
    key BLOB PRIMARY KEY, -- hashed, with its account
    claim BLOB NOT NULL,
    fingerprint BLOB NOT NULL, -- hashed
    until INTEGER NOT NULL, -- of the claim's lease, then of the answer
    status INTEGER, -- none until it is answered
    body BLOB -- sealed, for the claim
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_until ON idempotency_keys (until);

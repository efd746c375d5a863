-- Kept in the order in which it is counted: one index less to write.
CREATE TABLE sent_in_order (
    what BLOB NOT NULL, -- hashed
    at INTEGER NOT NULL,
    id BLOB NOT NULL, -- the message's
    until INTEGER NOT NULL,
    PRIMARY KEY (what, at, id)
) STRICT, WITHOUT ROWID;
INSERT INTO sent_in_order (what, at, id, until) SELECT what, at, randomblob(16), until FROM sent;
DROP TABLE sent;
ALTER TABLE sent_in_order RENAME TO sent;
CREATE INDEX sent_by_until ON sent (until);

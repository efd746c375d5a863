-- Messages that must be sent, written in the step that starts their authentication.
CREATE TABLE outbox (
    id BLOB PRIMARY KEY,
    due INTEGER NOT NULL, -- when it is tried, or when the lease of whoever tries it ends
    lease BLOB,
    failures INTEGER NOT NULL DEFAULT 0,
    message BLOB NOT NULL -- sealed: the number, the text and the rest
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_by_due ON outbox (due);

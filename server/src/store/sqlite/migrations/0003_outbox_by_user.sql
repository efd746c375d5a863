-- Whose message it is: it goes with the user, and with the next start. None in a row from before.
ALTER TABLE outbox ADD COLUMN user BLOB REFERENCES users (id) ON DELETE CASCADE;
CREATE INDEX outbox_by_user ON outbox (user);

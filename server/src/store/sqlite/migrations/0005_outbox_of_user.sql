-- A user has one message at most: a start puts its own in the place of what waits.
DROP INDEX outbox_by_user;
CREATE UNIQUE INDEX outbox_of_user ON outbox (user);

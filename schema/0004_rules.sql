-- Highwater's store, version 4: what loses against what was delivered is silent and waits; sinks take at their own pace.

-- Stamps delivered before those of the journal are needed no more: what supersedes the journal's is news, nothing else.
ALTER TABLE feed_object DROP COLUMN earlier;
-- Which delivery of the whole object the consumer's copy comes from; event ids are made of it.
ALTER TABLE feed_object ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;

-- By which DC's word the links were delivered last, and the object's uSNChanged there; NULL where no links are wanted.
ALTER TABLE feed_object ADD COLUMN links_origin INTEGER;
ALTER TABLE feed_object ADD COLUMN links_usn INTEGER;

-- Why nothing but a full pass helps: 'restored' or 'old_rules'.
ALTER TABLE feed ADD COLUMN needs_full_pass TEXT;
-- A feed that was ever moved by the rules of before may have left a value out.
UPDATE feed SET needs_full_pass = 'old_rules' WHERE id IN (SELECT feed_id FROM feed_switch);
-- Whether a pass on the DC in use has been completed since the feed was moved there: before that the journal is not pruned.
ALTER TABLE feed ADD COLUMN has_completed_pass INTEGER NOT NULL DEFAULT 0;
-- What the journal was pruned of: a DC that lacks some of it is not read. An empty vector.
ALTER TABLE feed_context ADD COLUMN settled BLOB NOT NULL DEFAULT x'00';
-- How many octets of events wait for a sink, kept right by every transaction that queues or removes some.
ALTER TABLE feed ADD COLUMN outbox_octets INTEGER NOT NULL DEFAULT 0;
UPDATE feed SET outbox_octets =
    (SELECT coalesce(sum(length(CAST(body AS BLOB))), 0) FROM feed_outbox WHERE feed_id = feed.id);

-- Objects of which the DC in use shows something older than was delivered, by the DC that wrote that: until S has it.
CREATE TABLE feed_waiting (
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    guid BLOB NOT NULL,
    invocation_id BLOB NOT NULL,
    nc_id INTEGER NOT NULL,
    usn INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (feed_id, guid, invocation_id)
) WITHOUT ROWID;

-- The incarnations that were declared lost. With each that follows, what it alone had of those before is lost as well.
CREATE TABLE feed_lost (
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    invocation_id BLOB NOT NULL,
    PRIMARY KEY (feed_id, invocation_id)
) WITHOUT ROWID;

-- When the backup was made that this store was put back from: the sinks may know of feeds that it does not.
CREATE TABLE restored_backup (
    made_at INTEGER NOT NULL
);

-- The DC that failed, where the reporter knew; NULL means the one in use. How long the sync, or the look, waited for it.
ALTER TABLE failure ADD COLUMN dc TEXT;
ALTER TABLE failure ADD COLUMN took_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE probe ADD COLUMN took_ms INTEGER NOT NULL DEFAULT 0;

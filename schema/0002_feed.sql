-- Highwater's store, version 2: the change feed that Highwater delivers itself. Host and position of a feed are the
-- row of its resource in `cursor`, whose generation fences every write to the tables below.

CREATE TABLE feed (
    id INTEGER PRIMARY KEY,
    resource TEXT NOT NULL UNIQUE,
    -- What was projected when K and S were last void.
    projection TEXT NOT NULL,
    -- The pass over everything that is under way (JSON of model::Load).
    load TEXT,
    newest_pass INTEGER NOT NULL DEFAULT 0,
    -- The newest place in the outbox ever given away: places are never used twice, sinks remember them.
    last_seq INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    last_pass_at INTEGER,
    -- How often a DC was declared lost or released; event ids are made of it.
    given_up INTEGER NOT NULL DEFAULT 0,
    -- What has kept the feed from going on since then, and when that was last met.
    problem TEXT,
    problem_at INTEGER,
    -- Kept right by every transaction that changes feed_object: counting a million rows is slow.
    objects_in INTEGER NOT NULL DEFAULT 0,
    objects_out INTEGER NOT NULL DEFAULT 0,
    objects_deleted INTEGER NOT NULL DEFAULT 0,
    journal_objects INTEGER NOT NULL DEFAULT 0,
    journal_entries INTEGER NOT NULL DEFAULT 0,
    journal_octets INTEGER NOT NULL DEFAULT 0
);

-- A pass over everything that an operator ordered and that has not begun.
CREATE TABLE feed_resync (
    feed_id INTEGER NOT NULL PRIMARY KEY REFERENCES feed (id),
    ordered_by TEXT NOT NULL,
    ordered_at INTEGER NOT NULL,
    max_deletes INTEGER
);

-- K and S of one naming context, as whole vectors; S is NULL where it is unknown.
CREATE TABLE feed_context (
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    nc_id INTEGER NOT NULL REFERENCES naming_context (id),
    told BLOB NOT NULL,
    held BLOB,
    PRIMARY KEY (feed_id, nc_id)
) WITHOUT ROWID;

-- K as it was before the last switch, and the start that it gave: what an audit compares with.
CREATE TABLE feed_switch (
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    nc_id INTEGER NOT NULL REFERENCES naming_context (id),
    told BLOB NOT NULL,
    start INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (feed_id, nc_id)
) WITHOUT ROWID;

-- Numbers for what would otherwise be repeated in every journal.
CREATE TABLE feed_attribute (
    id INTEGER PRIMARY KEY,
    oid TEXT NOT NULL UNIQUE
);
CREATE TABLE feed_origin (
    id INTEGER PRIMARY KEY,
    invocation_id BLOB NOT NULL UNIQUE
);

-- The parents of the objects, as their names were written. `path` is the folded name from the root down, each part
-- ended by a comma: what lies below a name has its path as a prefix.
CREATE TABLE feed_container (
    id INTEGER PRIMARY KEY,
    dn TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL
);
CREATE INDEX feed_container_by_path ON feed_container (path);

-- What is remembered of each object: the rows that make up a feed's size. Its name is `rdn`, a comma, and the
-- container's; `rdn` alone where the container is NULL. Standing: 0 in, 1 out, 2 deleted. `entries` counts those of
-- the journal. `earlier` is a journal as well, of several stamps an attribute, mostly empty.
CREATE TABLE feed_object (
    feed_id INTEGER NOT NULL,
    guid BLOB NOT NULL,
    nc_id INTEGER NOT NULL,
    container_id INTEGER,
    rdn TEXT NOT NULL,
    standing INTEGER NOT NULL,
    pass INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    journal BLOB NOT NULL,
    earlier BLOB NOT NULL,
    is_partial INTEGER NOT NULL,
    life INTEGER NOT NULL,
    links BLOB NOT NULL,
    PRIMARY KEY (feed_id, guid)
) WITHOUT ROWID;
CREATE INDEX feed_object_by_container ON feed_object (container_id, feed_id, nc_id, standing, guid);
CREATE INDEX feed_object_with_journal ON feed_object (feed_id, guid) WHERE entries > 0;

CREATE INDEX feed_object_aside ON feed_object (feed_id, nc_id, guid) WHERE standing <> 0 AND entries = 0;
CREATE INDEX feed_object_partial ON feed_object (feed_id, guid) WHERE is_partial;

-- What is to be delivered, in this order, to every sink.
CREATE TABLE feed_outbox (
    feed_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    guid BLOB,
    queued_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (feed_id, seq)
);
CREATE TABLE feed_sink (
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    sink TEXT NOT NULL,
    acknowledged INTEGER NOT NULL,
    PRIMARY KEY (feed_id, sink)
) WITHOUT ROWID;

-- What a sink refused for good.
CREATE TABLE feed_dead_letter (
    -- Never used twice: people name letters by it.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    sink TEXT NOT NULL,
    seq INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    guid BLOB,
    body TEXT NOT NULL,
    at INTEGER NOT NULL,
    why TEXT NOT NULL,
    status INTEGER
);
CREATE INDEX feed_dead_letter_by_feed ON feed_dead_letter (feed_id, id);

CREATE TABLE feed_reread (
    feed_id INTEGER NOT NULL,
    guid BLOB NOT NULL,
    nc_id INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (feed_id, guid, nc_id, why)
) WITHOUT ROWID;

-- Why events were delivered, and why changes were not, since the first load.
CREATE TABLE feed_count (
    feed_id INTEGER NOT NULL,
    cause TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (feed_id, cause)
) WITHOUT ROWID;

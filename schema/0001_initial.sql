-- Highwater's store, version 1. Times are UTC milliseconds, USNs 64-bit integers, GUIDs their 16 octets in
-- AD's order (MS-DTYP 2.3.4.2). Samples belong to incarnations, incarnations to DCs; resources refer to DCs by name.

CREATE TABLE dc (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- One life of a DC's database: a restore opens a new one.
CREATE TABLE incarnation (
    id INTEGER PRIMARY KEY,
    dc_id INTEGER NOT NULL REFERENCES dc (id),
    invocation_id BLOB NOT NULL UNIQUE,
    server_name TEXT NOT NULL,
    ds_service_name TEXT NOT NULL,
    site TEXT NOT NULL,
    is_global_catalog INTEGER NOT NULL,
    is_read_only INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    quarantined_at INTEGER,
    quarantine_reason TEXT,
    released_at INTEGER,
    released_by TEXT,
    release_reason TEXT,
    -- How many samples it has, kept right by every transaction that adds or removes some: counting them is slow.
    samples INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX incarnation_by_dc ON incarnation (dc_id, last_seen);

-- The rows that make up the database's size.
CREATE TABLE sample (
    incarnation_id INTEGER NOT NULL,
    collected_at INTEGER NOT NULL,
    committed INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    skew_ms INTEGER,
    PRIMARY KEY (incarnation_id, collected_at)
) WITHOUT ROWID;

-- The highest USN of an incarnation that any partner's vector has shown (rollback evidence).
CREATE TABLE known_usn (
    invocation_id BLOB NOT NULL PRIMARY KEY,
    usn INTEGER NOT NULL,
    partner TEXT NOT NULL,
    read_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE naming_context (
    id INTEGER PRIMARY KEY,
    dn TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE
);

-- Vectors of the DCs in use: a whole one now and then, and what differs from it in between.
CREATE TABLE vector_base (
    id INTEGER PRIMARY KEY,
    incarnation_id INTEGER NOT NULL,
    nc_id INTEGER NOT NULL,
    entries BLOB NOT NULL
);
CREATE TABLE source_sample (
    incarnation_id INTEGER NOT NULL,
    nc_id INTEGER NOT NULL,
    collected_at INTEGER NOT NULL,
    committed_after INTEGER NOT NULL,
    base_id INTEGER NOT NULL,
    changes BLOB NOT NULL,
    PRIMARY KEY (incarnation_id, nc_id, collected_at)
) WITHOUT ROWID;
CREATE INDEX source_sample_by_base ON source_sample (base_id);

CREATE TABLE poll_failure (
    dc_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    took_ms INTEGER NOT NULL,
    PRIMARY KEY (dc_id, at)
) WITHOUT ROWID;

-- The cursor of a consumer that keeps it here. `generation` rises with every write.
CREATE TABLE cursor (
    resource TEXT NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL,
    ldap_host TEXT NOT NULL,
    global_catalog TEXT,
    invocation_id BLOB,
    last_updated INTEGER NOT NULL,
    last_deleted INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- The cursor of each resource as last seen, wherever it is kept: which evidence pruning must leave, and
-- which DC is in use.
CREATE TABLE cursor_seen (
    resource TEXT NOT NULL PRIMARY KEY,
    dc TEXT,
    invocation_id BLOB,
    read_up_to INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
);

-- S of an external consumer since its last switch (JSON of model::Knowledge).
CREATE TABLE knowledge (
    resource TEXT NOT NULL PRIMARY KEY,
    knowledge TEXT NOT NULL
);

-- Every failover and undo, from the plan to the end. At most one per resource is open.
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    resource TEXT NOT NULL,
    kind TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    who TEXT NOT NULL,
    channel TEXT NOT NULL,
    plan TEXT NOT NULL,
    plan_hash TEXT NOT NULL,
    orders TEXT NOT NULL,
    was_stopped INTEGER NOT NULL,
    state TEXT NOT NULL,
    old_cursor TEXT,
    ended_at INTEGER,
    outcome TEXT
);
CREATE UNIQUE INDEX attempt_open ON attempt (resource) WHERE ended_at IS NULL;
CREATE INDEX attempt_by_resource ON attempt (resource, id);

CREATE TABLE attempt_step (
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    seq INTEGER NOT NULL,
    step TEXT NOT NULL,
    at INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (attempt_id, seq)
) WITHOUT ROWID;

-- What one process asks of another; answered by the running service.
CREATE TABLE request (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    answered_at INTEGER,
    answer TEXT
);
CREATE INDEX request_open ON request (id) WHERE answered_at IS NULL;

-- Whether the sync of a resource may run, as the last stop or start request left it.
CREATE TABLE sync_switch (
    resource TEXT NOT NULL PRIMARY KEY,
    stopped INTEGER NOT NULL,
    since INTEGER NOT NULL,
    set_by TEXT NOT NULL
);

-- Highwater's store, version 3: the failure process. What it writes is written with the notices that tell of it, in one
-- transaction.

-- Failures of syncs as they were reported.
CREATE TABLE failure (
    id INTEGER PRIMARY KEY,
    resource TEXT NOT NULL,
    at INTEGER NOT NULL,
    failure_timestamp INTEGER,
    source TEXT NOT NULL,
    -- JSON list of texts.
    errors TEXT NOT NULL,
    -- What the rules made of it; NULL until it was looked at.
    outcome TEXT,
    rule TEXT,
    incident_id INTEGER REFERENCES incident (id)
);
CREATE INDEX failure_to_look_at ON failure (id) WHERE outcome IS NULL;
CREATE INDEX failure_by_time ON failure (at);
CREATE INDEX failure_by_incident ON failure (incident_id, id);

-- One failure of a resource from the first error to its resolution. At most one per resource is open.
CREATE TABLE incident (
    -- Never used twice: people and mails name incidents by it.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    resource TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    failure_timestamp INTEGER,
    outcome TEXT NOT NULL,
    rule TEXT,
    dc TEXT,
    failures INTEGER NOT NULL,
    last_failure_at INTEGER NOT NULL,
    -- JSON of model::Stance.
    stance TEXT,
    acknowledged_by TEXT,
    acknowledged_at INTEGER,
    thread TEXT,
    told_at INTEGER,
    told_as TEXT,
    -- JSON list of channels.
    told_to TEXT NOT NULL,
    resolved_at INTEGER,
    resolution TEXT
);
CREATE UNIQUE INDEX incident_open ON incident (resource) WHERE resolved_at IS NULL;
CREATE INDEX incident_by_resource ON incident (resource, id);

CREATE TABLE incident_event (
    incident_id INTEGER NOT NULL REFERENCES incident (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (incident_id, seq)
) WITHOUT ROWID;

-- Moves that wait for a plan, an approval, or their end. At most one per resource is on its way.
CREATE TABLE proposal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    resource TEXT NOT NULL,
    incident_id INTEGER REFERENCES incident (id),
    made_at INTEGER NOT NULL,
    proposed_by TEXT,
    runs_by_itself INTEGER NOT NULL,
    failure_timestamp INTEGER,
    replication_time REAL,
    -- JSON of model::Plan; an approval is bound to its hash.
    plan TEXT,
    plan_hash TEXT,
    state TEXT NOT NULL,
    expires_at INTEGER,
    answered_by TEXT,
    answered_at INTEGER,
    reason TEXT,
    attempt_id INTEGER,
    outcome TEXT,
    ended_at INTEGER
);
CREATE UNIQUE INDEX proposal_open ON proposal (resource) WHERE ended_at IS NULL;
CREATE INDEX proposal_by_incident ON proposal (incident_id, id);

-- Orders that nothing happens by itself for a while; no resource means all.
CREATE TABLE pause (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    resource TEXT,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    owner TEXT NOT NULL,
    reason TEXT NOT NULL,
    ended_at INTEGER
);
CREATE INDEX pause_by_end ON pause (until);

-- Looks at DCs that the failure process took itself, beside the collector's polls.
CREATE TABLE probe (
    dc TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT,
    detail TEXT,
    PRIMARY KEY (dc, at)
) WITHOUT ROWID;

-- What is told, rendered once and for all, and to whom it still has to be delivered.
CREATE TABLE notice (
    id INTEGER PRIMARY KEY,
    incident_id INTEGER REFERENCES incident (id),
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    thread TEXT,
    subject TEXT NOT NULL,
    body_text TEXT NOT NULL,
    body_html TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX notice_by_time ON notice (at);

-- The outbox: leased, sent, marked. Refused for good, a delivery is a dead letter.
CREATE TABLE mail_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    notice_id INTEGER NOT NULL REFERENCES notice (id),
    channel TEXT NOT NULL,
    recipient TEXT NOT NULL,
    state TEXT NOT NULL,
    queued_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    leased_until INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    ended_at INTEGER
);
CREATE INDEX mail_outbox_due ON mail_outbox (due_at) WHERE state = 'queued';
CREATE INDEX mail_outbox_by_target ON mail_outbox (channel, recipient, queued_at);
CREATE INDEX mail_outbox_by_notice ON mail_outbox (notice_id);
CREATE INDEX mail_outbox_dead ON mail_outbox (id) WHERE state = 'dead';
CREATE INDEX mail_outbox_held_back ON mail_outbox (id) WHERE state = 'held_back';

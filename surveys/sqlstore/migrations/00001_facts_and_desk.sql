-- +goose Up
PRAGMA application_id = 1363625543; -- "QGFG": tells this file from any other SQLite database

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Words that repeat in millions of rows (departments, places, versions, modes,
-- staff references, tag sets) are written once; other tables hold the number.
-- Number 0 is the empty word.
CREATE TABLE names (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL UNIQUE
);

-- Every fact id that ever arrived, of every kind: the one place where a
-- repeated id is noticed. outcome: 1 stored, 2 already rated, 3 invalid.
-- kind: 0 unreadable, 1 rating, 2 detail, 3 prompt shown, 4 self-test.
CREATE TABLE facts (
    id          BLOB PRIMARY KEY CHECK (length(id) = 16),
    kind        INTEGER NOT NULL,
    body_hash   BLOB NOT NULL,
    outcome     INTEGER NOT NULL,
    day         INTEGER NOT NULL,
    device      BLOB NOT NULL,
    client_at   INTEGER NOT NULL,
    received_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE questionnaires (
    version      TEXT PRIMARY KEY,
    id           TEXT NOT NULL,
    revision     INTEGER NOT NULL,
    content      TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    UNIQUE (id, revision)
) WITHOUT ROWID;

CREATE TABLE prompts (
    id           BLOB PRIMARY KEY CHECK (length(id) = 16),
    window       INTEGER NOT NULL,
    number       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    staff        TEXT NOT NULL,
    staff_ref    INTEGER NOT NULL,
    department   INTEGER NOT NULL,
    mode         INTEGER NOT NULL,
    completed_at INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    shown_at     INTEGER NOT NULL DEFAULT 0,
    shown_day    INTEGER NOT NULL DEFAULT 0,
    shown_hour   INTEGER NOT NULL DEFAULT 0,
    rated_at     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (window, number)
) WITHOUT ROWID;
CREATE INDEX prompts_by_expiry ON prompts (window, expires_at);
CREATE INDEX prompts_by_shown_day ON prompts (shown_day) WHERE shown_day > 0;

-- Clustered by day, so that recounting recent days reads only them. The id is
-- unique through facts. dedupe_key is the prompt's id, or the rating's own when
-- nobody asked: one rating per transaction.
CREATE TABLE ratings (
    day         INTEGER NOT NULL,
    id          BLOB NOT NULL REFERENCES facts (id),
    dedupe_key  BLOB NOT NULL UNIQUE,
    hour        INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    department  INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    staff       INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    mode        INTEGER NOT NULL,
    series      INTEGER NOT NULL CHECK (series IN (0, 1)),
    grade       INTEGER NOT NULL CHECK (grade BETWEEN 1 AND 5),
    flags       INTEGER NOT NULL,
    dwell_ms    INTEGER NOT NULL,
    language    INTEGER NOT NULL,
    PRIMARY KEY (day, id)
) WITHOUT ROWID;

-- rating_day 0: its rating has not arrived yet, so it is not counted.
CREATE TABLE details (
    day         INTEGER NOT NULL,
    id          BLOB NOT NULL REFERENCES facts (id),
    rating      BLOB NOT NULL UNIQUE,
    rating_day  INTEGER NOT NULL,
    hour        INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    tags        TEXT NOT NULL,
    comment     TEXT NOT NULL,
    phone       BLOB NOT NULL,
    phone_index BLOB NOT NULL,
    PRIMARY KEY (day, id)
) WITHOUT ROWID;

CREATE INDEX details_waiting ON details (rating_day) WHERE rating_day = 0;

CREATE TABLE prompt_showings (
    id          BLOB PRIMARY KEY REFERENCES facts (id),
    prompt      BLOB NOT NULL REFERENCES prompts (id),
    occurred_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE self_tests (
    day         INTEGER NOT NULL,
    id          BLOB NOT NULL REFERENCES facts (id),
    hour        INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    department  INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    device      INTEGER NOT NULL,
    key_worked  INTEGER NOT NULL,
    PRIMARY KEY (day, id)
) WITHOUT ROWID;

CREATE TABLE set_asides (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    fact        BLOB NOT NULL,
    body_hash   BLOB NOT NULL,
    device      BLOB NOT NULL,
    kind        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    body        BLOB NOT NULL,
    resolved_at INTEGER NOT NULL DEFAULT 0,
    resolved_by TEXT NOT NULL DEFAULT '',
    note        TEXT NOT NULL DEFAULT '',
    UNIQUE (fact, body_hash)
);

-- AUTOINCREMENT: a sequence number is never given twice, even when all rows
-- before it have been pruned.
CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    event    TEXT NOT NULL
);

-- How often each kind of event happened: the outbox, added up by day.
CREATE TABLE event_counts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    day        INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    department INTEGER NOT NULL,
    staff      INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    item       INTEGER NOT NULL,
    mode       INTEGER NOT NULL,
    series     INTEGER NOT NULL,
    grade      INTEGER NOT NULL,
    flagged    INTEGER NOT NULL,
    tags       INTEGER NOT NULL,
    device     INTEGER NOT NULL,
    key_worked INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    UNIQUE (day, kind, place, department, staff, version, item, mode, series, grade, flagged, tags, device, key_worked)
);

CREATE TABLE callbacks (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    rating     BLOB NOT NULL UNIQUE,
    at         INTEGER NOT NULL,
    opened_on  INTEGER NOT NULL,
    due_on     INTEGER NOT NULL,
    department INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    grade      INTEGER NOT NULL,
    state      TEXT NOT NULL,
    outcome    TEXT NOT NULL DEFAULT '',
    note       TEXT NOT NULL DEFAULT '',
    closed_at  INTEGER NOT NULL DEFAULT 0,
    closed_on  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX callbacks_by_day ON callbacks (opened_on);
CREATE INDEX callbacks_unfinished ON callbacks (due_on) WHERE state <> 'done';
CREATE INDEX callbacks_closed ON callbacks (closed_on) WHERE state = 'done';

CREATE TABLE callback_calls (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    callback INTEGER NOT NULL REFERENCES callbacks (id),
    at       INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    note     TEXT NOT NULL,
    closing  INTEGER NOT NULL
);
CREATE INDEX callback_calls_of ON callback_calls (callback);

CREATE TABLE enrolments (
    id          BLOB PRIMARY KEY,
    public_key  BLOB NOT NULL,
    kind        TEXT NOT NULL,
    code_hash   BLOB NOT NULL UNIQUE,
    secret_hash BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    device      BLOB NOT NULL DEFAULT x''
) WITHOUT ROWID;
CREATE INDEX enrolments_by_expiry ON enrolments (expires_at);

CREATE TABLE devices (
    id                   BLOB PRIMARY KEY CHECK (length(id) = 16),
    kind                 TEXT NOT NULL,
    name                 TEXT NOT NULL,
    place                TEXT NOT NULL,
    bed                  TEXT NOT NULL,
    public_key           BLOB NOT NULL UNIQUE,
    mirrored             INTEGER NOT NULL,
    enrolled_at          INTEGER NOT NULL,
    revoked_at           INTEGER NOT NULL DEFAULT 0,
    last_seen_at         INTEGER NOT NULL DEFAULT 0,
    last_test_at         INTEGER NOT NULL DEFAULT 0,
    last_test_key_worked INTEGER NOT NULL DEFAULT 0,
    shared_key_at        INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE accounts (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    username             TEXT NOT NULL UNIQUE,
    name                 TEXT NOT NULL,
    roles                TEXT NOT NULL,
    department           TEXT NOT NULL,
    password_hash        TEXT NOT NULL,
    must_change_password INTEGER NOT NULL,
    disabled             INTEGER NOT NULL,
    failed_tries         INTEGER NOT NULL DEFAULT 0,
    locked_until         INTEGER NOT NULL DEFAULT 0,
    created_at           INTEGER NOT NULL,
    last_sign_in_at      INTEGER NOT NULL DEFAULT 0
);

-- The token itself is not kept, only its SHA-256.
CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    account    INTEGER NOT NULL DEFAULT 0,
    data       BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions (account);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    label        TEXT NOT NULL,
    windows      TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER NOT NULL DEFAULT 0,
    last_used_at INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    detail   TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash     BLOB NOT NULL
);

-- +goose Up
-- The follow-up after discharge. Personal text (numbers of people and phones,
-- names, messages, comments) is sealed, each row with its own id; the columns
-- named *_index are HMACs by which the same text is found again. Moments are
-- Unix milliseconds, 0 is none; days are yyyymmdd.

CREATE TABLE forms (
    version      TEXT PRIMARY KEY,
    id           TEXT NOT NULL,
    revision     INTEGER NOT NULL,
    content      TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    UNIQUE (id, revision)
) WITHOUT ROWID;

-- *_as_of is when what stands beside it was so, by the sender's clock: an older
-- message never overwrites it.
CREATE TABLE patients (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    merged_into      INTEGER NOT NULL DEFAULT 0,
    name             BLOB NOT NULL DEFAULT x'',
    name_as_of       INTEGER NOT NULL DEFAULT 0,
    born             INTEGER NOT NULL DEFAULT 0,
    born_as_of       INTEGER NOT NULL DEFAULT 0,
    phone            BLOB NOT NULL DEFAULT x'',
    phone_index      BLOB NOT NULL DEFAULT x'',
    phone_country    TEXT NOT NULL DEFAULT '',
    phone_as_of      INTEGER NOT NULL DEFAULT 0,
    guardian         BLOB NOT NULL DEFAULT x'',
    guardian_index   BLOB NOT NULL DEFAULT x'',
    guardian_country TEXT NOT NULL DEFAULT '',
    guardian_as_of   INTEGER NOT NULL DEFAULT 0,
    deceased         INTEGER NOT NULL DEFAULT 0
);

-- Every number a person was ever known by; a merge moves them to one person.
CREATE TABLE patient_numbers (
    number_index BLOB PRIMARY KEY,
    patient      INTEGER NOT NULL REFERENCES patients (id)
) WITHOUT ROWID;
CREATE INDEX patient_numbers_of ON patient_numbers (patient);

CREATE TABLE visits (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    number_index      BLOB NOT NULL UNIQUE,
    number            BLOB NOT NULL DEFAULT x'',
    patient           INTEGER NOT NULL REFERENCES patients (id),
    patient_as_of     INTEGER NOT NULL DEFAULT 0,
    state             TEXT NOT NULL DEFAULT 'admitted',
    state_as_of       INTEGER NOT NULL DEFAULT 0,
    department        INTEGER NOT NULL DEFAULT 0,
    place             INTEGER NOT NULL DEFAULT 0,
    bed               TEXT NOT NULL DEFAULT '',
    place_as_of       INTEGER NOT NULL DEFAULT 0,
    inpatient         INTEGER NOT NULL DEFAULT 0,
    inpatient_as_of   INTEGER NOT NULL DEFAULT 0,
    admitted_at       INTEGER NOT NULL DEFAULT 0,
    admitted_as_of    INTEGER NOT NULL DEFAULT 0,
    discharged_at     INTEGER NOT NULL DEFAULT 0,
    discharged_on     INTEGER NOT NULL DEFAULT 0,
    discharged_as_of  INTEGER NOT NULL DEFAULT 0,
    disposition       TEXT NOT NULL DEFAULT '',
    disposition_as_of INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX visits_discharged ON visits (discharged_at, id) WHERE state = 'discharged';
CREATE INDEX visits_of_patient ON visits (patient, admitted_at);

-- Messages about visits that were applied, by their content.
CREATE TABLE visit_changes (
    message BLOB PRIMARY KEY,
    at      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX visit_changes_by_age ON visit_changes (at);

CREATE TABLE rejected_messages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT NOT NULL,
    message     BLOB NOT NULL UNIQUE,
    reason      TEXT NOT NULL,
    payload     BLOB NOT NULL,
    times       INTEGER NOT NULL DEFAULT 1,
    at          INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    resolved_at INTEGER NOT NULL DEFAULT 0,
    resolved_by TEXT NOT NULL DEFAULT '',
    note        TEXT NOT NULL DEFAULT ''
);
CREATE INDEX rejected_messages_open ON rejected_messages (id) WHERE resolved_at = 0;

CREATE TABLE unknown_places (
    source  TEXT NOT NULL,
    code    TEXT NOT NULL,
    n       INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (source, code)
) WITHOUT ROWID;

-- offered_day is the business day the carrier took its first text: from then on
-- the patient was asked. week is the ISO week (yyyyww) it was sent in, or is to
-- be sent in. token_hash is SHA-256, code_hash an HMAC: codes are short.
CREATE TABLE invitations (
    id           BLOB PRIMARY KEY CHECK (length(id) = 16),
    visit        INTEGER NOT NULL REFERENCES visits (id),
    patient      INTEGER NOT NULL REFERENCES patients (id),
    form         INTEGER NOT NULL,
    mode         INTEGER NOT NULL,
    language     TEXT NOT NULL,
    department   INTEGER NOT NULL,
    place        INTEGER NOT NULL,
    country      TEXT NOT NULL,
    number       BLOB NOT NULL,
    number_index BLOB NOT NULL,
    token_hash   BLOB NOT NULL,
    code_hash    BLOB NOT NULL,
    state        TEXT NOT NULL,
    why          TEXT NOT NULL DEFAULT '',
    week         INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    sent_at      INTEGER NOT NULL DEFAULT 0,
    offered_day  INTEGER NOT NULL DEFAULT 0,
    offered_hour INTEGER NOT NULL DEFAULT 0,
    reminded_at  INTEGER NOT NULL DEFAULT 0,
    closes_at    INTEGER NOT NULL,
    answered_at  INTEGER NOT NULL DEFAULT 0,
    ended_at     INTEGER NOT NULL DEFAULT 0,
    memory       BLOB NOT NULL DEFAULT x''
) WITHOUT ROWID;
CREATE UNIQUE INDEX invitations_of_visit ON invitations (visit) WHERE state <> 'ineligible';
CREATE INDEX invitations_of_patient ON invitations (patient, sent_at);
CREATE UNIQUE INDEX invitations_by_token ON invitations (token_hash) WHERE length(token_hash) > 0;
CREATE UNIQUE INDEX invitations_by_code ON invitations (code_hash) WHERE length(code_hash) > 0 AND ended_at = 0;
CREATE INDEX invitations_of_number ON invitations (number_index, sent_at);
CREATE INDEX invitations_closing ON invitations (closes_at) WHERE ended_at = 0;
CREATE INDEX invitations_to_remind ON invitations (sent_at) WHERE ended_at = 0 AND reminded_at = 0 AND answered_at = 0 AND sent_at > 0;
CREATE INDEX invitations_by_week ON invitations (week);
CREATE INDEX invitations_offered ON invitations (offered_day) WHERE offered_day > 0;

-- What a patient answered. The grade is the overall question's first answer; it
-- is counted at once and then final. The other answers are counted when the
-- response ends: ended_day 0 means that they are not counted yet, or never.
CREATE TABLE responses (
    invitation    BLOB PRIMARY KEY REFERENCES invitations (id),
    visit         INTEGER NOT NULL UNIQUE,
    started_at    INTEGER NOT NULL,
    flags         INTEGER NOT NULL DEFAULT 0,
    grade         INTEGER NOT NULL DEFAULT 0 CHECK (grade BETWEEN 0 AND 5),
    grade_item    INTEGER NOT NULL DEFAULT 0,
    grade_flagged INTEGER NOT NULL DEFAULT 0,
    graded_day    INTEGER NOT NULL DEFAULT 0,
    graded_hour   INTEGER NOT NULL DEFAULT 0,
    ended_at      INTEGER NOT NULL DEFAULT 0,
    ended_day     INTEGER NOT NULL DEFAULT 0,
    ended_hour    INTEGER NOT NULL DEFAULT 0,
    wants_call    INTEGER NOT NULL DEFAULT 0,
    phone         BLOB NOT NULL DEFAULT x''
) WITHOUT ROWID;
CREATE INDEX responses_graded ON responses (graded_day) WHERE graded_day > 0;
CREATE INDEX responses_ended ON responses (ended_day) WHERE ended_day > 0;

CREATE TABLE answers (
    invitation BLOB NOT NULL REFERENCES responses (invitation),
    item       INTEGER NOT NULL,
    scored     INTEGER NOT NULL,
    value      INTEGER NOT NULL CHECK (value BETWEEN 0 AND 10),
    comment    BLOB NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (invitation, item)
) WITHOUT ROWID;

-- Saves of the phone page, by the id it gave them.
CREATE TABLE response_saves (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    invitation BLOB NOT NULL,
    body_hash  BLOB NOT NULL
) WITHOUT ROWID;

-- state: waiting, handing (to the carrier, right now), unknown (handed over, the
-- answer was lost), queued, sent, delivered, undelivered, refused; withdrawn and
-- expired were never handed over. urgency 0 answers a patient, 1 may wait.
-- ambiguous: nobody knew once whether a carrier had it. cost is in fen and
-- counted on spent_day, when it was handed over last.
CREATE TABLE texts (
    id           BLOB PRIMARY KEY CHECK (length(id) = 16),
    invitation   BLOB NOT NULL,
    purpose      TEXT NOT NULL,
    urgency      INTEGER NOT NULL,
    language     TEXT NOT NULL,
    country      TEXT NOT NULL,
    number       BLOB NOT NULL,
    number_index BLOB NOT NULL,
    body         BLOB NOT NULL,
    variables    BLOB NOT NULL,
    segments     INTEGER NOT NULL,
    state        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    valid_until  INTEGER NOT NULL,
    handings     INTEGER NOT NULL DEFAULT 0,
    handed_at    INTEGER NOT NULL DEFAULT 0,
    twice        INTEGER NOT NULL DEFAULT 0,
    ambiguous    INTEGER NOT NULL DEFAULT 0,
    carrier      TEXT NOT NULL DEFAULT '',
    provider_id  TEXT NOT NULL DEFAULT '',
    taken_at     INTEGER NOT NULL DEFAULT 0,
    ended_at     INTEGER NOT NULL DEFAULT 0,
    code         TEXT NOT NULL DEFAULT '',
    unit_price   INTEGER NOT NULL DEFAULT 0,
    cost         INTEGER NOT NULL DEFAULT 0,
    spent_day    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX texts_due ON texts (urgency, country, due_at) WHERE state = 'waiting';
CREATE INDEX texts_expiring ON texts (valid_until) WHERE state = 'waiting';
CREATE INDEX texts_waiting_of_number ON texts (number_index) WHERE state = 'waiting';
CREATE INDEX texts_handing ON texts (handed_at) WHERE state = 'handing';
CREATE INDEX texts_unknown ON texts (handed_at) WHERE state = 'unknown';
CREATE INDEX texts_of_invitation ON texts (invitation);
CREATE INDEX texts_spent ON texts (spent_day, carrier, cost) WHERE spent_day > 0;

-- Every id a carrier gave a text: one that was sent twice has two.
CREATE TABLE text_provider_ids (
    carrier     TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    text        BLOB NOT NULL REFERENCES texts (id),
    PRIMARY KEY (carrier, provider_id)
) WITHOUT ROWID;

-- Every report as it came; text is empty until it is known whose it is.
CREATE TABLE text_reports (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    carrier     TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    text        BLOB NOT NULL,
    status      TEXT NOT NULL,
    code        TEXT NOT NULL,
    at          INTEGER NOT NULL,
    received_at INTEGER NOT NULL
);
CREATE INDEX text_reports_by_provider_id ON text_reports (carrier, provider_id);
CREATE INDEX text_reports_of ON text_reports (text) WHERE length(text) > 0;

-- outcome: what became of it, '' while it waits.
CREATE TABLE inbounds (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    carrier      TEXT NOT NULL,
    provider_id  TEXT NOT NULL,
    sender       BLOB NOT NULL,
    sender_index BLOB NOT NULL,
    receiver     BLOB NOT NULL,
    body         BLOB NOT NULL,
    handled      TEXT NOT NULL,
    received_at  INTEGER NOT NULL,
    done_at      INTEGER NOT NULL DEFAULT 0,
    outcome      TEXT NOT NULL DEFAULT '',
    invitation   BLOB NOT NULL DEFAULT x'',
    UNIQUE (carrier, provider_id)
);
CREATE INDEX inbounds_pending ON inbounds (id) WHERE done_at = 0;
CREATE INDEX inbounds_of_number ON inbounds (sender_index, id);
CREATE INDEX inbounds_unlinked ON inbounds (id) WHERE outcome = 'unlinked';

-- What the conversation remembers of a number beyond its invitations.
CREATE TABLE number_memories (
    number_index BLOB PRIMARY KEY,
    memory       BLOB NOT NULL,
    at           INTEGER NOT NULL
) WITHOUT ROWID;

-- An opt-out holds for the number, and for the people who were written to at it.
CREATE TABLE opt_outs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    number       BLOB NOT NULL,
    number_index BLOB NOT NULL,
    how          TEXT NOT NULL,
    at           INTEGER NOT NULL,
    ended_at     INTEGER NOT NULL DEFAULT 0,
    ended_how    TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX opt_outs_standing ON opt_outs (number_index) WHERE ended_at = 0;
CREATE TABLE opt_out_patients (
    patient INTEGER NOT NULL REFERENCES patients (id),
    opt_out INTEGER NOT NULL REFERENCES opt_outs (id),
    PRIMARY KEY (patient, opt_out)
) WITHOUT ROWID;

-- Numbers a carrier says will never take a text.
CREATE TABLE suppressions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    number       BLOB NOT NULL,
    number_index BLOB NOT NULL UNIQUE,
    carrier      TEXT NOT NULL,
    code         TEXT NOT NULL,
    at           INTEGER NOT NULL
);

CREATE TABLE code_tries (
    source BLOB NOT NULL,
    at     INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (source, at)
) WITHOUT ROWID;

-- Without phone, visit, invitation or order of arrival; at is rounded to the hour.
CREATE TABLE clues (
    id           BLOB PRIMARY KEY CHECK (length(id) = 16),
    at           INTEGER NOT NULL,
    words        BLOB NOT NULL,
    receipt_hash TEXT NOT NULL
) WITHOUT ROWID;

-- +goose Up
-- What a patient wrote on a survey beside its answers, sealed.
CREATE TABLE comments (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    invitation BLOB NOT NULL REFERENCES responses (invitation),
    comment    BLOB NOT NULL,
    at         INTEGER NOT NULL
);
CREATE INDEX comments_of ON comments (invitation);

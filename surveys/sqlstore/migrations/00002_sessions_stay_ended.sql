-- +goose Up
-- Counts up whenever an account's sessions end. A session carries the number it
-- was opened under and is good for no other.
ALTER TABLE accounts ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT 0;

-- An ended session stays until it would have expired: a request that was under
-- way when it ended must not write it back.
ALTER TABLE sessions ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;

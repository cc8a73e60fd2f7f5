-- +goose Up
-- A stay is an inpatient's once any message has said so: when it was said does
-- not matter.
ALTER TABLE visits DROP COLUMN inpatient_as_of;

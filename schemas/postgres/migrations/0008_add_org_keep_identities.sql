-- Pseudonyms stand in place of e-mail addresses and login names in telemetry unless the organisation keeps them.

ALTER TABLE org ADD COLUMN keep_identities boolean NOT NULL DEFAULT false;

-- Prompts, answers, tool arguments and results are dropped on the way in unless the organisation keeps them.

ALTER TABLE org ADD COLUMN keep_content boolean NOT NULL DEFAULT false;

-- What people say about a review item, oldest first. Writer and reader: ingest/fleet/review-comments.ts. Rows are never
-- changed, but for the item that a merge gives them, and go with their item. `body` is redacted before it is stored. The one note that an item had becomes its
-- first comment. Tables are forced to their policies on their owner too, hence the pause while it moves.
CREATE TABLE review_item_comment (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  item_id text NOT NULL REFERENCES review_item (id) ON DELETE CASCADE,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  author text NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX review_item_comment_by_item ON review_item_comment (item_id, seq);

ALTER TABLE review_item NO FORCE ROW LEVEL SECURITY;
INSERT INTO review_item_comment (id, org_id, item_id, author, body, created_at)
SELECT 'comment_' || md5(id), org_id, id, coalesce(decided_by, 'unknown'), note, coalesce(decided_at, opened_at) FROM review_item WHERE note <> '';
ALTER TABLE review_item FORCE ROW LEVEL SECURITY;
ALTER TABLE review_item DROP COLUMN note;

ALTER TABLE review_item_comment ENABLE ROW LEVEL SECURITY;
ALTER TABLE review_item_comment FORCE ROW LEVEL SECURITY;
CREATE POLICY one_org ON review_item_comment TO shieldwatch_app
  USING (org_id = current_setting('shieldwatch.org_id', true)) WITH CHECK (org_id = current_setting('shieldwatch.org_id', true));
-- Of two items that a merge of repositories makes one, the survivor takes over what was said.
GRANT SELECT, INSERT, UPDATE (item_id) ON review_item_comment TO shieldwatch_app;

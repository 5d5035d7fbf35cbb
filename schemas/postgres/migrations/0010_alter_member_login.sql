-- Logins compare without letter case, as e-mail addresses and GitHub's names do. They are kept as they were written.
-- The collation is named, since lower() of a Turkish one makes another letter of I.
--
-- Members whose logins differ in letter case alone become one: the oldest row, with the least of their roles, so that nobody
-- may do more than before. Tokens, authority of tokens, and assigned review items go over to it. Where that leaves an
-- organisation without an owner, `shieldwatch member role` on the machine makes one.
ALTER TABLE member NO FORCE ROW LEVEL SECURITY;
ALTER TABLE token NO FORCE ROW LEVEL SECURITY;
ALTER TABLE review_item NO FORCE ROW LEVEL SECURITY;

CREATE TEMPORARY TABLE same_member ON COMMIT DROP AS
  SELECT id, org_id, login, role,
    first_value(id) OVER (same ORDER BY created_at, id) AS kept_id,
    first_value(login) OVER (same ORDER BY created_at, id) AS kept_login,
    min(array_position(ARRAY['viewer', 'member', 'admin', 'owner'], role)) OVER same AS least
  FROM member
  WINDOW same AS (PARTITION BY org_id, lower(login COLLATE "C"));

UPDATE token SET member_id = kept_id FROM same_member WHERE member_id = same_member.id AND member_id <> kept_id;
UPDATE token
  SET minters = ARRAY(SELECT DISTINCT coalesce(kept_id, minter) FROM unnest(minters) AS minter LEFT JOIN same_member ON same_member.id = minter)
  WHERE EXISTS (SELECT FROM same_member WHERE id = ANY (minters) AND id <> kept_id);
UPDATE review_item SET assignee = kept_login FROM same_member
  WHERE review_item.org_id = same_member.org_id AND assignee = same_member.login AND assignee <> kept_login;
DELETE FROM member USING same_member WHERE member.id = same_member.id AND member.id <> kept_id;
UPDATE member SET role = (ARRAY['viewer', 'member', 'admin', 'owner'])[least] FROM same_member
  WHERE member.id = same_member.id AND member.role <> (ARRAY['viewer', 'member', 'admin', 'owner'])[least];

-- What the changes above have set going, before the tables themselves change.
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE member DROP CONSTRAINT member_org_id_login_key;
CREATE UNIQUE INDEX member_by_login ON member (org_id, lower(login COLLATE "C"));
ALTER TABLE member FORCE ROW LEVEL SECURITY;
ALTER TABLE token FORCE ROW LEVEL SECURITY;
ALTER TABLE review_item FORCE ROW LEVEL SECURITY;
SET CONSTRAINTS ALL DEFERRED;

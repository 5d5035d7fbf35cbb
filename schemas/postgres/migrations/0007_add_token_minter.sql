-- By whose authority a token was made: it may do no more than they may at any moment, and ends with them.
--   minted_by  the token that minted it; null: the machine itself, or a version before this one
--   minters    the members by whose authority: whoever minted it, and whoever minted the token that did. While one of
--              them is no member any more the token does not work, and the least of their roles is the most it has.
ALTER TABLE token
  ADD COLUMN minted_by text,
  ADD COLUMN minters text[] NOT NULL DEFAULT '{}';
CREATE INDEX token_by_minter ON token (org_id, minted_by);

DROP POLICY of_token ON member;
CREATE POLICY of_token ON member FOR SELECT TO shieldwatch_auth
  USING (EXISTS (SELECT FROM token WHERE token.member_id = member.id OR member.id = ANY (token.minters)));

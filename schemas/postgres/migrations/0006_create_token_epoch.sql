-- One number that goes up with every change that may alter what a token may do: of tokens, of their members, of their
-- organisations. While it stands still, what a gateway has read of any token is so; it asks for this one row once a
-- second, however many tokens there are (ingest/auth/token-lookup.ts).
-- Writer: the triggers below, whoever makes the change and by whatever gateway. They count when the change is
-- committed, in its transaction: whoever reads the new number sees the change. A sequence would be ahead of it, and
-- counting at once would hold the row's lock for as long as the transaction lasts.
CREATE TABLE token_epoch (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  epoch bigint NOT NULL
);
INSERT INTO token_epoch (epoch) VALUES (1);

ALTER TABLE token_epoch ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_epoch FORCE ROW LEVEL SECURITY;
CREATE POLICY is_of_nobody ON token_epoch FOR SELECT TO shieldwatch_auth USING (true);
CREATE POLICY is_counted ON token_epoch TO CURRENT_USER USING (true) WITH CHECK (true);
GRANT SELECT ON token_epoch TO shieldwatch_auth;

CREATE FUNCTION count_token_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE token_epoch SET epoch = epoch + 1;
  RETURN NULL;
END $$;

-- A new token is one that nobody has asked about; and when one was last used alters nothing.
CREATE CONSTRAINT TRIGGER token_changed AFTER UPDATE ON token DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (to_jsonb(OLD) - 'last_used_at' IS DISTINCT FROM to_jsonb(NEW) - 'last_used_at') EXECUTE FUNCTION count_token_change();
CREATE CONSTRAINT TRIGGER token_removed AFTER DELETE ON token DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_token_change();
CREATE CONSTRAINT TRIGGER member_changed AFTER UPDATE OR DELETE ON member DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_token_change();
CREATE CONSTRAINT TRIGGER org_changed AFTER UPDATE OR DELETE ON org DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_token_change();

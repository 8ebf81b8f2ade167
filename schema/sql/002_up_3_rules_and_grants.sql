SET LOCAL ROLE bench_owner;

INSERT INTO state_transitions (machine, from_state, to_state, reason) VALUES
    ('quote', '',         'draft',     'Somebody asks for a price.'),
    ('quote', 'draft',    'priced',    'The rating engine priced the risk.'),
    ('quote', 'draft',    'declined',  'The risk is outside the underwriting guide.'),
    ('quote', 'draft',    'expired',   'Nobody finished it in time.'),
    ('quote', 'priced',   'draft',     'The customer changed the risk: it must be priced again.'),
    ('quote', 'priced',   'offered',   'The price was shown to the customer.'),
    ('quote', 'priced',   'declined',  'Reports ordered after pricing rule the risk out.'),
    ('quote', 'priced',   'expired',   'The price was not offered in time.'),
    ('quote', 'offered',  'draft',     'The customer asks for other coverages.'),
    ('quote', 'offered',  'accepted',  'The customer said yes.'),
    ('quote', 'offered',  'declined',  'Reports ordered after the offer rule the risk out.'),
    ('quote', 'offered',  'expired',   'The offer was not taken in time.'),
    ('quote', 'accepted', 'converted', 'The policy was issued.'),
    ('quote', 'accepted', 'declined',  'The final underwriting check failed.'),
    ('quote', 'accepted', 'expired',   'The customer accepted, but never paid.');

CREATE TRIGGER trg_quotes_state BEFORE UPDATE OF status ON quotes
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION enforce_state_transition('quote');
CREATE TRIGGER trg_quotes_initial_state AFTER INSERT ON quotes
    FOR EACH ROW WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
    EXECUTE FUNCTION enforce_state_transition('quote');
CREATE TRIGGER trg_quotes_updated_at BEFORE UPDATE ON quotes
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_users_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- Versions of a quote run 1, 2, 3 … without a gap. One query for a whole statement: a row at a time would be felt
-- in a bulk load. Two writers of the same next version meet at the primary key; a writer who is ahead of an
-- uncommitted version does not see it and is refused.
CREATE FUNCTION enforce_quote_version_sequence() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT c.quote_id, c.version_number,
               (SELECT COALESCE(max(v.version_number), 0) + 1 FROM public.quote_versions AS v
                  WHERE v.quote_id = c.quote_id AND v.version_number < c.version_number) AS next_number
          INTO wrong
          FROM changed AS c
          WHERE c.version_number > 1
            AND NOT EXISTS (SELECT FROM public.quote_versions AS v
                              WHERE v.quote_id = c.quote_id AND v.version_number = c.version_number - 1)
          LIMIT 1;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
            COLUMN = 'version_number', CONSTRAINT = 'quote_versions_no_gap',
            MESSAGE = format('version %s of quote %s would leave a gap', wrong.version_number, wrong.quote_id),
            HINT = format('The next version is %s.', wrong.next_number);
    ELSIF TG_OP = 'DELETE' THEN
        SELECT c.quote_id, c.version_number
          INTO wrong
          FROM changed AS c
          WHERE EXISTS (SELECT FROM public.quote_versions AS v
                          WHERE v.quote_id = c.quote_id AND v.version_number > c.version_number)
          LIMIT 1;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
            COLUMN = 'version_number', CONSTRAINT = 'quote_versions_no_gap',
            MESSAGE = format('without version %s quote %s would have a gap', wrong.version_number, wrong.quote_id),
            HINT = 'Delete the newest version first, or the whole quote.';
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        COLUMN = 'version_number', CONSTRAINT = 'quote_versions_no_gap',
        MESSAGE = format('version %s of quote %s cannot be renumbered', OLD.version_number, OLD.quote_id),
        HINT = 'A version keeps its number and its quote: insert a new version instead.';
END
$$;

CREATE TRIGGER trg_quote_versions_insert_without_gap AFTER INSERT ON quote_versions
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enforce_quote_version_sequence();
CREATE TRIGGER trg_quote_versions_delete_without_gap AFTER DELETE ON quote_versions
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enforce_quote_version_sequence();
CREATE TRIGGER trg_quote_versions_keep_number BEFORE UPDATE OF quote_id, version_number ON quote_versions
    FOR EACH ROW WHEN (OLD.quote_id <> NEW.quote_id OR OLD.version_number <> NEW.version_number)
    EXECUTE FUNCTION enforce_quote_version_sequence();

COMMENT ON FUNCTION enforce_quote_version_sequence() IS
    'Keeps the versions of a quote numbered 1, 2, 3 … without a gap, on insert, delete and renumbering. Error 23514 with constraint quote_versions_no_gap and the next number as hint.';
COMMENT ON TRIGGER trg_quotes_state ON quotes IS 'A quote moves only along the steps of machine "quote".';
COMMENT ON TRIGGER trg_quotes_initial_state ON quotes IS 'A quote begins as a draft; the owner may take over history in any state.';
COMMENT ON TRIGGER trg_quotes_updated_at ON quotes IS 'Exports pick up changed quotes by updated_at.';
COMMENT ON TRIGGER trg_users_updated_at ON users IS 'Directory synchronisation picks up changed users by updated_at.';
COMMENT ON TRIGGER trg_quote_versions_insert_without_gap ON quote_versions IS 'An examiner must find every price that was shown: no number is skipped.';
COMMENT ON TRIGGER trg_quote_versions_delete_without_gap ON quote_versions IS 'An examiner must find every price that was shown: only the newest version, or the whole quote, can go.';
COMMENT ON TRIGGER trg_quote_versions_keep_number ON quote_versions IS 'The number is printed on the offer, so it stays.';

REVOKE EXECUTE ON FUNCTION enforce_quote_version_sequence() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enforce_quote_version_sequence() TO bench_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON users, quotes, quote_drivers, quote_vehicles, quote_coverages TO bench_app;
-- A price that was shown and a sale that was made are records.
GRANT SELECT, INSERT ON quote_versions, quote_conversions TO bench_app;
GRANT USAGE ON SEQUENCE users_id_seq, quotes_id_seq, quote_coverages_id_seq, quote_conversions_id_seq TO bench_app;

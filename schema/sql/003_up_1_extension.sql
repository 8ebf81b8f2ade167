-- As the migrating user: an extension belongs to whoever installs it. The comment marks it as ours, so that the
-- downgrade leaves one alone that was there before.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'btree_gist') THEN
        CREATE EXTENSION btree_gist;
        COMMENT ON EXTENSION btree_gist IS
            'Installed by revision 003: lets an exclusion constraint compare state, product and coverage for equality beside overlapping dates.';
    END IF;
END
$$;

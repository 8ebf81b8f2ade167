-- Roles belong to the whole server, not to one database: another database may have created them already, or may
-- be creating them at this moment, so an existing role is kept as it is. The comment marks one as ours, so that the
-- downgrade leaves those alone that were there before.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['bench_owner', 'bench_app'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
                EXECUTE format('COMMENT ON ROLE %I IS %L', wanted, 'Created by revision 001.');
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;

    -- Whoever migrates must be able to act as bench_owner. A superuser can; others need the membership, which
    -- since version 16 does not come with creating the role.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
       AND NOT pg_has_role('bench_owner', CASE WHEN current_setting('server_version_num')::integer >= 160000
                                               THEN 'SET' ELSE 'MEMBER' END) THEN
        EXECUTE format('GRANT bench_owner TO %I', current_user);
    END IF;
END
$$;

GRANT USAGE, CREATE ON SCHEMA public TO bench_owner;
GRANT USAGE ON SCHEMA public TO bench_app;

SET LOCAL ROLE bench_owner;

DROP TABLE claims;
DROP TABLE policies;
DROP TABLE customers;
DROP FUNCTION enforce_loss_within_term();
DROP FUNCTION set_updated_at();
DROP FUNCTION enforce_state_transition();
DROP TABLE state_transitions;

RESET ROLE;
REVOKE ALL ON SCHEMA public FROM bench_owner, bench_app;

-- The roles go only if revision 001 created them and nothing else needs them: no object or grant in any other database,
-- and no login that was made a member. The migrating user's own membership is not a need.
DO $$
DECLARE
    unwanted text;
BEGIN
    FOREACH unwanted IN ARRAY ARRAY['bench_app', 'bench_owner'] LOOP
        IF shobj_description(to_regrole(unwanted), 'pg_authid') IS DISTINCT FROM 'Created by revision 001.'
           OR EXISTS (SELECT FROM pg_auth_members AS m
                        WHERE m.roleid = to_regrole(unwanted) AND m.member <> current_user::regrole) THEN
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('DROP ROLE IF EXISTS %I', unwanted);
        EXCEPTION
            WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL;
        END;
    END LOOP;
END
$$;

SET LOCAL ROLE bench_owner;

CREATE TRIGGER trg_sso_group_mappings_updated_at BEFORE UPDATE ON sso_group_mappings
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_user_provisioning_rules_updated_at BEFORE UPDATE ON user_provisioning_rules
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
COMMENT ON TRIGGER trg_sso_group_mappings_updated_at ON sso_group_mappings IS 'Sign-in servers refresh their copy by updated_at.';
COMMENT ON TRIGGER trg_user_provisioning_rules_updated_at ON user_provisioning_rules IS 'Sign-in servers refresh their copy by updated_at.';

INSERT INTO data_retention_policies (table_name, time_column, retain_for, action, legal_basis) VALUES
    ('sso_login_attempts', 'expires_at', '30 days', 'delete',
     'Investigation of attacks on sign-in; nobody needs them longer.');

-- SECURITY DEFINER: a job that holds only EXECUTE can do what the retention rule says, and nothing more.
CREATE FUNCTION purge_sso_login_attempts(batch integer DEFAULT 10000) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH past AS MATERIALIZED (
        SELECT a.id
          FROM public.sso_login_attempts AS a
          WHERE a.expires_at < (
              SELECT now() - p.retain_for FROM public.data_retention_policies AS p
                WHERE p.table_name = 'sso_login_attempts' AND p.legal_hold_reason IS NULL
          )
          ORDER BY a.expires_at
          LIMIT batch
          FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM public.sso_login_attempts AS a USING past WHERE a.id = past.id RETURNING a.id
    ), noted AS (
        UPDATE public.data_retention_policies SET last_applied_at = now()
          WHERE table_name = 'sso_login_attempts' AND legal_hold_reason IS NULL
    )
    SELECT count(*) FROM gone;
$$;

COMMENT ON FUNCTION purge_sso_login_attempts(integer) IS
    'Deletes up to `batch` sign-in attempts that data_retention_policies no longer wants, oldest first, and returns how many; none under a legal hold or without a rule. Safe to run at the same time.';

REVOKE EXECUTE ON FUNCTION
    sso_claim_mapping_problem(jsonb), validate_sso_claim_mapping(jsonb), purge_sso_login_attempts(integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    sso_claim_mapping_problem(jsonb), validate_sso_claim_mapping(jsonb), purge_sso_login_attempts(integer)
    TO bench_app;
-- Settings that were in force and attempts that were made are records: replaced and purged, not deleted at will.
GRANT SELECT, INSERT, UPDATE ON sso_provider_configs, sso_login_attempts TO bench_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sso_group_mappings, sso_user_links, user_provisioning_rules TO bench_app;
GRANT USAGE ON SEQUENCE
    sso_provider_configs_id_seq, sso_group_mappings_id_seq, sso_user_links_id_seq, sso_login_attempts_id_seq,
    user_provisioning_rules_id_seq
    TO bench_app;

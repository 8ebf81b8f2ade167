SET LOCAL ROLE bench_owner;

CREATE TRIGGER trg_sso_providers_updated_at BEFORE UPDATE ON sso_providers
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_mfa_methods_updated_at BEFORE UPDATE ON mfa_methods
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_oauth2_clients_updated_at BEFORE UPDATE ON oauth2_clients
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_data_retention_policies_updated_at BEFORE UPDATE ON data_retention_policies
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TRIGGER trg_sso_providers_updated_at ON sso_providers IS 'Sign-in servers refresh their copy by updated_at.';
COMMENT ON TRIGGER trg_mfa_methods_updated_at ON mfa_methods IS 'A change of factors is announced to the user; the notice names the time.';
COMMENT ON TRIGGER trg_oauth2_clients_updated_at ON oauth2_clients IS 'Token servers refresh their copy by updated_at.';
COMMENT ON TRIGGER trg_data_retention_policies_updated_at ON data_retention_policies IS 'Compliance reviews the rules changed since the last review.';
COMMENT ON TRIGGER trg_audit_logs_immutable ON audit_logs IS 'Evidence that could be changed proves nothing. Holds for the owner too, and in every partition.';
COMMENT ON TRIGGER trg_audit_logs_no_truncate ON audit_logs IS 'TRUNCATE would erase evidence without touching a row.';
COMMENT ON TRIGGER trg_audit_logs_no_truncate ON audit_logs_default IS 'TRUNCATE would erase evidence without touching a row.';

INSERT INTO data_retention_policies (table_name, time_column, retain_for, action, legal_basis) VALUES
    ('audit_logs', 'created_at', '7 years', 'drop_partition',
     'State market-conduct rules ask for up to seven years of records of who changed a policy or claim.'),
    ('user_sessions', 'expires_at', '90 days', 'delete',
     'Investigation of account theft; nobody needs them longer.'),
    ('oauth2_authorization_codes', 'expires_at', '1 day', 'delete',
     'Detection of replayed codes.'),
    ('oauth2_tokens', 'expires_at', '90 days', 'delete',
     'Investigation of stolen tokens; nobody needs them longer.');

SELECT ensure_audit_partitions(3);

REVOKE EXECUTE ON FUNCTION
    all_match(text[], text), ensure_range_partitions(regclass, text, integer, integer),
    drop_range_partitions(regclass, text, integer, boolean), refuse_change(),
    enforce_retention(text, interval), ensure_audit_partitions(integer, integer), drop_audit_partitions(integer, boolean)
    FROM PUBLIC;
-- Making room for entries harms nobody, so the application may see to it; what leaves the log is the owner's affair.
GRANT EXECUTE ON FUNCTION all_match(text[], text), refuse_change(), ensure_audit_partitions(integer, integer)
    TO bench_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON user_sessions, mfa_methods, oauth2_authorization_codes, oauth2_tokens
    TO bench_app;
-- Directories and applications are shut, not deleted: their sessions and tokens are part of investigations.
GRANT SELECT, INSERT, UPDATE ON sso_providers, oauth2_clients TO bench_app;
GRANT SELECT ON data_retention_policies, audit_logs TO bench_app;
-- Neither key nor time: the application cannot backdate an entry. Partitions are reached through the parent only.
GRANT INSERT (
    actor_user_id, job_name, session_id, request_id, action, entity_type, entity_id, outcome, reason, ip_address, changes
) ON audit_logs TO bench_app;
GRANT USAGE ON SEQUENCE
    sso_providers_id_seq, user_sessions_id_seq, mfa_methods_id_seq, oauth2_clients_id_seq,
    oauth2_authorization_codes_id_seq, oauth2_tokens_id_seq, audit_logs_id_seq
    TO bench_app;

SET LOCAL ROLE bench_owner;

-- A tenant is a carrier or agency on the platform. The application names it for the length of a transaction, by
-- SELECT set_config('app.tenant_id', …, true). Where it is not named, nothing is visible and nothing can be written:
-- no error, no rows. The setting stands in a sub-select, so it is read once a statement, and text comparison is
-- leakproof, so the tenant's index is used. FORCE binds the owner to policies too; its own policy lets it maintain.
ALTER TABLE system_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE system_settings FORCE ROW LEVEL SECURITY;
ALTER TABLE admin_activity_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE admin_activity_logs FORCE ROW LEVEL SECURITY;
ALTER TABLE rate_approvals ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_approvals FORCE ROW LEVEL SECURITY;
ALTER TABLE rate_approval_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_approval_steps FORCE ROW LEVEL SECURITY;

CREATE POLICY rls_system_settings_select ON system_settings FOR SELECT TO bench_app
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_system_settings_insert ON system_settings FOR INSERT TO bench_app
    WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_system_settings_update ON system_settings FOR UPDATE TO bench_app
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')))
    WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_system_settings_delete ON system_settings FOR DELETE TO bench_app
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_system_settings_owner ON system_settings FOR ALL TO bench_owner
    USING (true) WITH CHECK (true);

CREATE POLICY rls_admin_activity_logs_select ON admin_activity_logs FOR SELECT TO bench_app
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_admin_activity_logs_insert ON admin_activity_logs FOR INSERT TO bench_app
    WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_admin_activity_logs_owner ON admin_activity_logs FOR ALL TO bench_owner
    USING (true) WITH CHECK (true);

CREATE POLICY rls_rate_approvals_select ON rate_approvals FOR SELECT TO bench_app
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_rate_approvals_insert ON rate_approvals FOR INSERT TO bench_app
    WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_rate_approvals_update ON rate_approvals FOR UPDATE TO bench_app
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')))
    WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_rate_approvals_owner ON rate_approvals FOR ALL TO bench_owner
    USING (true) WITH CHECK (true);

CREATE POLICY rls_rate_approval_steps_select ON rate_approval_steps FOR SELECT TO bench_app
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_rate_approval_steps_insert ON rate_approval_steps FOR INSERT TO bench_app
    WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_rate_approval_steps_update ON rate_approval_steps FOR UPDATE TO bench_app
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')))
    WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rls_rate_approval_steps_owner ON rate_approval_steps FOR ALL TO bench_owner
    USING (true) WITH CHECK (true);

COMMENT ON POLICY rls_system_settings_select ON system_settings IS 'A tenant reads its own settings only.';
COMMENT ON POLICY rls_system_settings_insert ON system_settings IS 'A tenant adds settings for itself only.';
COMMENT ON POLICY rls_system_settings_update ON system_settings IS 'A tenant changes its own settings only, and cannot give them away.';
COMMENT ON POLICY rls_system_settings_delete ON system_settings IS 'A tenant removes its own settings only.';
COMMENT ON POLICY rls_system_settings_owner ON system_settings IS 'Migrations and loads reach every tenant.';
COMMENT ON POLICY rls_admin_activity_logs_select ON admin_activity_logs IS 'A tenant reads what its own administrators did.';
COMMENT ON POLICY rls_admin_activity_logs_insert ON admin_activity_logs IS 'A tenant appends to its own log only. There is no policy to change or remove entries.';
COMMENT ON POLICY rls_admin_activity_logs_owner ON admin_activity_logs IS 'Loads and retention reach every tenant.';
COMMENT ON POLICY rls_rate_approvals_select ON rate_approvals IS 'A tenant sees its own rate changes only: they are a trade secret until filed.';
COMMENT ON POLICY rls_rate_approvals_insert ON rate_approvals IS 'A tenant proposes rate changes for itself only.';
COMMENT ON POLICY rls_rate_approvals_update ON rate_approvals IS 'A tenant decides on its own rate changes only, and cannot give them away.';
COMMENT ON POLICY rls_rate_approvals_owner ON rate_approvals IS 'Migrations and loads reach every tenant.';
COMMENT ON POLICY rls_rate_approval_steps_select ON rate_approval_steps IS 'A tenant sees its own approvers only.';
COMMENT ON POLICY rls_rate_approval_steps_insert ON rate_approval_steps IS 'A tenant names approvers for itself only.';
COMMENT ON POLICY rls_rate_approval_steps_update ON rate_approval_steps IS 'A tenant decides on its own rate changes only.';
COMMENT ON POLICY rls_rate_approval_steps_owner ON rate_approval_steps IS 'Migrations and loads reach every tenant.';

INSERT INTO data_retention_policies (table_name, time_column, retain_for, action, legal_basis) VALUES
    ('admin_activity_logs', 'created_at', '7 years', 'delete',
     'State market-conduct rules ask for up to seven years of records of who changed rates and rights.');

REVOKE EXECUTE ON FUNCTION
    text_list_problem(jsonb, text), admin_permissions_problem(jsonb), validate_admin_permissions(jsonb),
    enforce_rate_approval_decision(), enforce_rate_approval_step(), enforce_new_rate_approval_step(),
    log_admin_activity()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    text_list_problem(jsonb, text), admin_permissions_problem(jsonb), validate_admin_permissions(jsonb),
    enforce_rate_approval_decision(), enforce_rate_approval_step(), enforce_new_rate_approval_step(),
    log_admin_activity()
    TO bench_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON admin_roles, admin_users, system_settings TO bench_app;
-- Grants and decisions end, they are not deleted.
GRANT SELECT, INSERT, UPDATE ON admin_permissions, rate_approvals, rate_approval_steps TO bench_app;
-- Neither key nor time: the application cannot backdate an entry.
GRANT SELECT ON admin_activity_logs TO bench_app;
GRANT INSERT (
    tenant_id, actor_user_id, action, resource_type, resource_id, old_values, new_values, request_id, ip_address
) ON admin_activity_logs TO bench_app;
GRANT USAGE ON SEQUENCE
    admin_roles_id_seq, admin_users_id_seq, admin_permissions_id_seq, system_settings_id_seq, rate_approvals_id_seq,
    rate_approval_steps_id_seq, admin_activity_logs_id_seq
    TO bench_app;

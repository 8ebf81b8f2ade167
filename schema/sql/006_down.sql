SET LOCAL ROLE bench_owner;

-- Policies, triggers, grants and comments go with their tables.
DROP TABLE admin_activity_logs;
DROP TABLE rate_approval_steps;
DROP TABLE rate_approvals;
DROP TABLE system_settings;
DROP TABLE admin_permissions;
DROP TABLE admin_users;
DROP TABLE admin_roles;
DROP FUNCTION log_admin_activity();
DROP FUNCTION enforce_new_rate_approval_step();
DROP FUNCTION enforce_rate_approval_step();
DROP FUNCTION enforce_rate_approval_decision();
DROP FUNCTION validate_admin_permissions(jsonb);
DROP FUNCTION admin_permissions_problem(jsonb);
DROP FUNCTION text_list_problem(jsonb, text);
DELETE FROM data_retention_policies WHERE table_name = 'admin_activity_logs';
DELETE FROM state_transitions WHERE machine = 'rate_approval';

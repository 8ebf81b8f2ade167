SET LOCAL ROLE bench_owner;

DROP FUNCTION purge_sso_login_attempts(integer);
DROP TABLE user_provisioning_rules;
DROP TABLE sso_login_attempts;
DROP TABLE sso_user_links;
DROP TABLE sso_group_mappings;
DROP TABLE sso_provider_configs;
DROP FUNCTION validate_sso_claim_mapping(jsonb);
DROP FUNCTION sso_claim_mapping_problem(jsonb);
DELETE FROM data_retention_policies WHERE table_name = 'sso_login_attempts';

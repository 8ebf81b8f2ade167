-- A few thousand rows a table, so that the planner has a choice and makes it by cost.
SELECT ensure_audit_partitions(3, 13), ensure_analytics_partitions(3, 3);

INSERT INTO users (email, display_name, user_type)
SELECT 'u' || n || '@example.com', 'User', 'agent' FROM generate_series(1, 3000) AS n;

INSERT INTO sso_providers (name, display_name, protocol, issuer)
SELECT 'idp-' || n, 'Directory', 'oidc', 'https://id' || n || '.example' FROM generate_series(1, 20) AS n;

INSERT INTO user_sessions (user_id, token_hash, auth_method, ip_address, created_at, last_seen_at, expires_at)
SELECT id, sha256(('session' || id)::bytea), 'password', '192.0.2.1', now() - interval '1 hour', now(),
       now() + interval '11 hours'
FROM users;

INSERT INTO mfa_methods (user_id, method, label, secret_encrypted, kms_key_id, is_primary, verified_at)
SELECT u.id, 'totp', 'phone', sha512('x'), 'key-1', n = 1, now()
FROM users AS u, generate_series(1, 2) AS n;

INSERT INTO oauth2_clients (client_id, name, client_type, grant_types, scopes, redirect_uris)
SELECT 'client-' || lpad(n::text, 4, '0'), 'App', 'public', '{authorization_code}', '{policies:read}', '{https://a.example/}'
FROM generate_series(1, 20) AS n;

INSERT INTO oauth2_tokens (token_hash, token_type, oauth2_client_id, user_id, scopes, expires_at)
SELECT sha256(('token' || u.id)::bytea), 'access', c.id, u.id, '{policies:read}', now() + interval '15 minutes'
FROM users AS u JOIN oauth2_clients AS c ON c.client_id = 'client-' || lpad((u.id % 20 + 1)::text, 4, '0');

INSERT INTO audit_logs (created_at, actor_user_id, action, entity_type, entity_id, outcome, reason)
SELECT now() - n * interval '33 minutes', (SELECT min(id) FROM users) + n % 20, 'read', 'policy', (n % 2000)::text,
       CASE n % 100 WHEN 0 THEN 'denied' ELSE 'success' END, CASE n % 100 WHEN 0 THEN 'Not theirs.' END
FROM generate_series(1, 16000) AS n;

INSERT INTO websocket_connections (user_id, node, client_type, ip_address, connected_at, last_heartbeat_at,
                                   disconnected_at, disconnect_reason)
SELECT id, 'gw-' || id % 4, 'web', '192.0.2.1', t, t + interval '5 minutes',
       CASE WHEN n > 1 THEN t + interval '6 minutes' END, CASE WHEN n > 1 THEN 'client_closed' END
FROM users, generate_series(1, 8) AS n, LATERAL (SELECT now() - n * interval '1 day') AS at (t);

INSERT INTO analytics_events (occurred_at, received_at, event_name, channel, user_id, amount)
SELECT t, t, (ARRAY['quote.started', 'quote.finished', 'page.viewed', 'claim.opened'])[1 + n % 4], 'web', n % 900, 1
FROM generate_series(1, 16000) AS n, LATERAL (SELECT now() - n * interval '7 minutes') AS at (t);

INSERT INTO notifications (user_id, channel, template, status, attempts, sent_at, created_at, scheduled_at)
SELECT id, 'in_app', 'note', CASE WHEN n = 1 AND id % 40 = 0 THEN 'pending' ELSE 'sent' END, 1, now(),
       now() - n * interval '1 day', now() - n * interval '1 day'
FROM users, generate_series(1, 4) AS n;
UPDATE notifications SET status = 'read', read_at = now() WHERE status = 'sent' AND id % 5 > 0;

INSERT INTO realtime_metrics (metric_name, bucket_seconds, bucket_start, dimension, sample_count, value_sum, value_min,
                              value_max)
SELECT 'metric.' || chr(96 + m), 60, date_trunc('hour', now()) - n * interval '1 minute', '', 1, 1, 1, 1
FROM generate_series(1, 10) AS m, generate_series(1, 600) AS n;

INSERT INTO event_subscriptions (user_id, event_pattern, channel, status)
SELECT id, 'event' || '_' || chr(97 + (id % 26)::integer) || '.' || chr(97 + (id / 26 % 26)::integer), 'websocket',
       CASE WHEN id % 3 = 0 THEN 'paused' ELSE 'active' END
FROM users;

INSERT INTO admin_roles (name, description, permissions)
VALUES ('auditor', 'Reads.', '{"version": 1, "grants": [{"resource": "audit", "actions": ["read"]}]}');
INSERT INTO sso_group_mappings (sso_provider_id, external_group, user_type)
SELECT id, 'group-' || n, 'agent' FROM sso_providers, generate_series(1, 200) AS n;
INSERT INTO sso_user_links (user_id, sso_provider_id, external_subject)
SELECT u.id, p.id, 'subject-' || u.id FROM users AS u JOIN sso_providers AS p ON p.name = 'idp-' || (u.id % 20 + 1);
INSERT INTO sso_login_attempts (sso_provider_id, state_hash, ip_address, status, failure_reason, expires_at, completed_at)
SELECT p.id, sha256((p.id || ':' || n)::bytea), ('198.51.100.' || n % 250)::inet,
       CASE n % 20 WHEN 0 THEN 'failed' ELSE 'started' END, CASE n % 20 WHEN 0 THEN 'state_mismatch' END,
       now() + interval '10 minutes', CASE n % 20 WHEN 0 THEN now() END
FROM sso_providers AS p, generate_series(1, 300) AS n;

INSERT INTO rate_tables (state, product, coverage, effective_date, base_rate, minimum_premium, filing_number)
VALUES ('TX', 'auto', 'collision', '2025-01-01', 300, 50, 'BNCH-000000001');
INSERT INTO rate_table_versions (rate_table_id, version_number, status, base_rate, minimum_premium, change_percent,
                                 change_reason)
SELECT (SELECT min(id) FROM rate_tables), n, 'withdrawn', 300, 50, 0, 'Trend.' FROM generate_series(1, 400) AS n;
INSERT INTO rate_approvals (tenant_id, rate_table_version_id, requested_by_user_id, title, justification,
                            impact_percent, status, submitted_at, decided_at, created_at)
SELECT 't-' || t, v.id, (SELECT min(id) FROM users), 'Auto', 'Trend.', 3,
       CASE v.version_number % 20 WHEN 0 THEN 'under_review' ELSE 'rejected' END, now(), now(), now() - interval '1 day'
FROM generate_series(1, 10) AS t, rate_table_versions AS v;
INSERT INTO rate_approval_steps (rate_approval_id, tenant_id, requested_by_user_id, step_number, required_role, decision,
                                 decided_by_user_id, decided_at, note, created_at)
SELECT id, tenant_id, requested_by_user_id, 1, 'actuarial', d.decision,
       CASE d.decision WHEN 'rejected' THEN requested_by_user_id + 1 END, CASE d.decision WHEN 'rejected' THEN now() END,
       'So be it.', created_at
FROM rate_approvals, LATERAL (SELECT CASE status WHEN 'rejected' THEN 'rejected' ELSE 'pending' END) AS d (decision);

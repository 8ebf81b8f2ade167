-- Client sessions by state, with those in a transaction or waiting for a lock one by one. Ours do not count.
SELECT a.pid, coalesce(a.usename::text, '') AS "user", coalesce(a.datname::text, '') AS database,
       coalesce(a.application_name, '') AS application, a.state, a.backend_type,
       concat_ws(':', a.wait_event_type, a.wait_event) AS waits_for,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction_s,
       coalesce(extract(epoch FROM clock_timestamp() - a.state_change), 0)::float8 AS state_s,
       extract(epoch FROM clock_timestamp() - l.since)::float8 AS lock_wait_s,
       CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{}' END AS blocked_by
FROM pg_stat_activity AS a
LEFT JOIN LATERAL (
    SELECT min(k.waitstart) AS since FROM pg_locks AS k
    WHERE a.wait_event_type = 'Lock' AND k.pid = a.pid AND NOT k.granted
) AS l ON true
WHERE a.pid <> pg_backend_pid() AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'autovacuum worker')

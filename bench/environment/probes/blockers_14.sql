-- Who holds what the load's sessions wait for: at the head of the queues, so those that wait for no lock themselves.
-- Asked for the eight that wait longest, since each answer stops all who lock for a moment.
WITH waiting AS MATERIALIZED (
    SELECT l.pid, l.waitstart FROM pg_locks AS l
    JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE NOT l.granted
      AND a.datname = current_database() AND a.usename = %(role)s AND a.application_name <> 'poolbench'
), longest AS MATERIALIZED (
    SELECT pid FROM waiting ORDER BY waitstart NULLS LAST LIMIT 8
), head AS (
    SELECT DISTINCT b.pid FROM longest, unnest(pg_blocking_pids(longest.pid)) AS b (pid)
)
SELECT /* poolbench collector */
       coalesce(a.datname = current_database() AND a.usename = %(role)s AND a.application_name <> 'poolbench', false)
           AS ours,
       CASE WHEN head.pid = 0 THEN 'prepared transaction' ELSE coalesce(a.backend_type, 'hidden') END AS backend_type,
       coalesce(a.state, '') AS state,
       CASE WHEN a.state IN ('active', 'fastpath function call')
            THEN concat_ws(':', a.wait_event_type, a.wait_event) ELSE '' END AS wait,
       CASE WHEN a.datname = current_database() AND a.usename = %(role)s THEN a.query_id END AS queryid
FROM head
LEFT JOIN pg_stat_activity AS a ON a.pid = head.pid
WHERE a.wait_event_type IS DISTINCT FROM 'Lock'

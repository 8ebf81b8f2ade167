-- Sessions by what they do now; `ours` are the load's.
SELECT /* poolbench collector */
       coalesce(backend_type, 'hidden') AS backend_type,
       coalesce(datname = current_database() AND usename = %(role)s AND application_name <> 'poolbench', false) AS ours,
       coalesce(application_name = 'poolbench', false) AS observer,
       state, wait_event_type, wait_event, count(*)::integer AS sessions, array_agg(pid) AS pids,
       array_agg(DISTINCT query) FILTER (WHERE backend_type = 'autovacuum worker') AS queries
FROM pg_stat_activity
GROUP BY 1, 2, 3, 4, 5, 6

-- The server's limits and this database's counters.
SELECT current_setting('server_version') AS version, current_database()::text AS database,
       current_setting('max_connections')::integer AS max_connections,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       (SELECT max(age(datfrozenxid)) FROM pg_database) AS xid_age,
       s.numbackends, s.xact_commit, s.xact_rollback, s.blks_read, s.blks_hit, s.deadlocks, s.temp_files, s.temp_bytes
FROM pg_stat_database AS s
WHERE s.datname = current_database()

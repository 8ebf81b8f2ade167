-- Cumulative statement statistics of one role in this database.
SELECT s.queryid, s.query, s.calls, s.total_exec_time / 1000.0 AS total_exec_s, s.rows,
       s.shared_blks_hit, s.shared_blks_read, s.temp_blks_written, s.wal_bytes::bigint AS wal_bytes
FROM pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid AND d.datname = current_database()
JOIN pg_roles AS r ON r.oid = s.userid AND r.rolname = %(role)s
WHERE s.queryid IS NOT NULL
  AND s.query NOT LIKE '%%/* poolbench collector */%%'

-- Cumulative WAL of the server.
SELECT /* poolbench collector */ wal_records, wal_fpi, wal_bytes::float8 AS wal_bytes, wal_buffers_full
FROM pg_stat_wal

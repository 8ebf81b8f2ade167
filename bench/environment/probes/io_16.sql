-- Cumulative I/O of the server by who did it, on what, and why.
SELECT /* poolbench collector */ backend_type, object, context, reads, writes, extends, hits, evictions, fsyncs
FROM pg_stat_io

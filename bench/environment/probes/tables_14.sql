-- Block accesses of user tables with their indexes and TOAST; partitions count in their parent.
SELECT /* poolbench collector */
       root.relname::text AS name,
       sum(coalesce(s.heap_blks_hit, 0) + coalesce(s.toast_blks_hit, 0))::bigint AS heap_hit,
       sum(coalesce(s.heap_blks_read, 0) + coalesce(s.toast_blks_read, 0))::bigint AS heap_read,
       sum(coalesce(s.idx_blks_hit, 0) + coalesce(s.tidx_blks_hit, 0))::bigint AS index_hit,
       sum(coalesce(s.idx_blks_read, 0) + coalesce(s.tidx_blks_read, 0))::bigint AS index_read
FROM pg_statio_user_tables AS s
JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(s.relid)::oid, s.relid)
GROUP BY root.oid, root.relname

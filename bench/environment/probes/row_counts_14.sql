-- Rows by table as the planner estimates them; partitions are counted in their parent.
SELECT root.relname, greatest(sum(leaf.reltuples), 0)::bigint AS rows
FROM pg_class AS root
JOIN pg_namespace AS n ON n.oid = root.relnamespace AND n.nspname NOT IN ('pg_catalog', 'information_schema')
CROSS JOIN LATERAL (
    SELECT c.reltuples FROM pg_partition_tree(root.oid) AS t JOIN pg_class AS c ON c.oid = t.relid WHERE t.isleaf
    UNION ALL
    SELECT root.reltuples WHERE root.relkind = 'r'
) AS leaf
WHERE root.relkind IN ('r', 'p') AND NOT root.relispartition
GROUP BY root.relname
ORDER BY root.relname

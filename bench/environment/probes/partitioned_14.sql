-- Tables partitioned by ranges of one time column, roots only, by their quoted names.
SELECT p.partrelid::regclass::text AS name
FROM pg_partitioned_table AS p
JOIN pg_class AS c ON c.oid = p.partrelid AND NOT c.relispartition
JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
WHERE p.partstrat = 'r' AND p.partnatts = 1
  AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
ORDER BY 1

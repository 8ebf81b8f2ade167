-- A column that the index only carries (INCLUDE) is none it is ordered by; an expression has no column of its own.
SELECT i.indrelid::regclass::text AS "table", c.relname::text AS name, i.indexrelid::int8 AS oid,
       pg_get_indexdef(i.indexrelid) AS definition, m.amname::text AS method, i.indisunique AS is_unique,
       i.indisvalid AS valid, pg_get_expr(i.indpred, i.indrelid) AS predicate,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, false) FROM generate_series(1, i.indnkeyatts) AS n) AS keys,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, false) FROM generate_series(i.indnkeyatts + 1, i.indnatts) AS n)
           AS included,
       i.indexprs IS NOT NULL AS has_expression,
       ARRAY(SELECT DISTINCT a.attname::text FROM pg_depend AS d
               JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
               WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid
                 AND d.refobjsubid > 0) AS depends_on,
       (SELECT k.conname::text FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
        LIMIT 1) AS constraint_name,
       obj_description(i.indexrelid, 'pg_class') AS comment
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_am AS m ON m.oid = c.relam
WHERE i.indrelid = ANY (%(tables)s)
ORDER BY 1, i.indexrelid

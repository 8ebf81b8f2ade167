-- NOT NULL is a property of the column here; version 18 lists it among the constraints as well.
SELECT k.conrelid::regclass::text AS "table", k.conname::text AS name, k.contype::text AS kind,
       pg_get_constraintdef(k.oid) AS definition,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place)
               JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place) AS columns,
       NULLIF(k.confrelid, 0)::regclass::text AS target,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place)
               JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place) AS target_columns,
       k.confdeltype::text AS on_delete, k.convalidated AS valid, NULLIF(k.conindid, 0)::int8 AS index_oid,
       obj_description(k.oid, 'pg_constraint') AS comment
FROM pg_constraint AS k
WHERE k.conrelid = ANY (%(tables)s) AND k.contype IN ('c', 'u', 'p', 'f', 'x')
ORDER BY 1, 2

SELECT t.tgrelid::regclass::text AS "table", t.tgname::text AS name, t.tgfoid::regprocedure::text AS function,
       string_to_array(encode(t.tgargs, 'escape'), '\000') AS arguments, pg_get_triggerdef(t.oid) AS definition,
       t.tgenabled::text AS enabled, obj_description(t.oid, 'pg_trigger') AS comment
FROM pg_trigger AS t
WHERE t.tgrelid = ANY (%(tables)s) AND NOT t.tgisinternal
ORDER BY 1, 2

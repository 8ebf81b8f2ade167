SELECT p.polrelid::regclass::text AS "table", p.polname::text AS name, p.polcmd::text AS command,
       p.polroles::regrole[]::text[] AS roles, pg_get_expr(p.polqual, p.polrelid) AS visible,
       pg_get_expr(p.polwithcheck, p.polrelid) AS writable, obj_description(p.oid, 'pg_policy') AS comment
FROM pg_policy AS p
WHERE p.polrelid = ANY (%(tables)s)
ORDER BY 1, 2

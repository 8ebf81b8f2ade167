-- Tables a person designed: no partitions, no tables of extensions, not Alembic's own.
SELECT c.oid::int8, c.oid::regclass::text AS name, c.relkind::text AS kind, c.relrowsecurity AS row_security,
       c.relforcerowsecurity AS forced, obj_description(c.oid, 'pg_class') AS comment,
       pg_get_userbyid(c.relowner)::text AS owner
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname !~ '^alembic_version'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY name

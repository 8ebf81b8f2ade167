-- Everything a migration could leave behind, one row a fact, except Alembic's own table.
WITH relation AS (
    SELECT c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.reloptions
    FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'alembic_version%'
)
SELECT 'schema' AS kind, nspname AS name, nspacl::text AS fact FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL
SELECT 'relation', relname,
       concat_ws(' ', relkind, relowner::regrole, relacl::text, relrowsecurity, relforcerowsecurity, reloptions::text)
FROM relation
UNION ALL
SELECT 'column', relname || '.' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                 pg_get_expr(d.adbin, d.adrelid), a.attacl::text)
FROM relation
JOIN pg_attribute AS a ON a.attrelid = relation.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL
SELECT 'constraint', relname || '.' || conname, pg_get_constraintdef(k.oid)
FROM relation JOIN pg_constraint AS k ON k.conrelid = relation.oid
UNION ALL
SELECT 'index', relname, pg_get_indexdef(relation.oid) FROM relation WHERE relkind IN ('i', 'I')
UNION ALL
SELECT 'trigger', relname || '.' || tgname, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
FROM relation JOIN pg_trigger AS t ON t.tgrelid = relation.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'policy', relname || '.' || polname,
       concat_ws(' ', polcmd, polroles::regrole[]::text, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM relation JOIN pg_policy AS p ON p.polrelid = relation.oid
UNION ALL
SELECT 'partition', i.inhrelid::regclass::text, i.inhparent::regclass::text
FROM relation JOIN pg_inherits AS i ON i.inhrelid = relation.oid
UNION ALL
SELECT 'function', p.oid::regprocedure::text,
       concat_ws(' ', p.proowner::regrole, p.proacl::text,
                 CASE WHEN p.prokind IN ('f', 'p') THEN md5(pg_get_functiondef(p.oid)) END)
FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'type', t.typname, concat_ws(' ', t.typtype, t.typowner::regrole)
FROM pg_type AS t WHERE t.typnamespace = 'public'::regnamespace AND t.typname !~ '^_?alembic_version'
UNION ALL
SELECT 'extension', extname, extversion FROM pg_extension
UNION ALL
SELECT 'comment', pg_describe_object(classoid, objoid, objsubid), description
FROM pg_description WHERE objoid >= 16384
UNION ALL
SELECT 'default privileges', defaclrole::regrole::text, defaclacl::text FROM pg_default_acl
UNION ALL
SELECT 'role', rolname, concat_ws(' ', rolcanlogin, rolsuper, rolbypassrls) FROM pg_roles WHERE rolname LIKE 'bench%'
UNION ALL
SELECT 'member', roleid::regrole::text, member::regrole::text
FROM pg_auth_members WHERE roleid::regrole::text LIKE 'bench%'
ORDER BY 1, 2, 3

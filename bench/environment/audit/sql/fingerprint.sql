-- Everything a migration could leave behind, one row a fact: kind, name, what it is, and the object it is a part of.
-- Left out: the server's own objects, what belongs to an extension (which is a fact itself), and Alembic's own table.
WITH space AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), member AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relation AS (
    SELECT c.oid::regclass::text AS name, c.*
    FROM pg_class AS c JOIN space ON space.oid = c.relnamespace
    WHERE c.relname !~ '^alembic_version' AND c.relkind <> 't'
      AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = c.oid)
)
SELECT 'schema'::text AS kind, nspname::text AS name, concat_ws(' ', nspowner::regrole, nspacl::text) AS fact,
       NULL::text AS part_of
FROM space
UNION ALL
SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialised view'
                    WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'c' THEN 'row type'
                    ELSE 'foreign table' END,
       name,
       concat_ws(' ', relkind, relpersistence, relowner::regrole, relrowsecurity, relforcerowsecurity, reloptions::text,
                 CASE WHEN relkind IN ('i', 'I') THEN pg_get_indexdef(oid) END,
                 CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END,
                 CASE WHEN relkind = 'p' THEN pg_get_partkeydef(oid) END,
                 CASE WHEN relispartition AND relkind = 'r' THEN pg_get_expr(relpartbound, oid) END),
       CASE WHEN relkind IN ('i', 'I') THEN (SELECT x.indrelid FROM pg_index AS x WHERE x.indexrelid = relation.oid)
            WHEN relkind = 'S' THEN (SELECT d.refobjid FROM pg_depend AS d
                                       WHERE d.classid = 'pg_class'::regclass AND d.objid = relation.oid
                                         AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
            WHEN relispartition THEN (SELECT h.inhparent FROM pg_inherits AS h WHERE h.inhrelid = relation.oid)
       END::regclass::text
FROM relation
UNION ALL
SELECT 'grants on', name, relacl::text, name FROM relation WHERE relacl IS NOT NULL
UNION ALL
SELECT 'column', name || '.' || quote_ident(a.attname),
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END, a.attidentity,
                 a.attgenerated, pg_get_expr(d.adbin, d.adrelid), a.attacl::text, a.attcollation::regcollation),
       name
FROM relation
JOIN pg_attribute AS a ON a.attrelid = relation.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE relkind NOT IN ('i', 'I', 'S')
UNION ALL
SELECT 'constraint', COALESCE(relation.name, k.contypid::regtype::text) || '.' || conname,
       pg_get_constraintdef(k.oid) || CASE WHEN convalidated THEN '' ELSE ' NOT VALID' END,
       COALESCE(relation.name, k.contypid::regtype::text)
FROM pg_constraint AS k
JOIN space ON space.oid = k.connamespace
LEFT JOIN relation ON relation.oid = k.conrelid
-- A NOT NULL is a property of its column, though version 18 lists it here as well.
WHERE (k.contypid <> 0 OR relation.oid IS NOT NULL) AND k.contype <> 'n'
UNION ALL
SELECT 'trigger', name || '.' || tgname, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text, name
FROM relation JOIN pg_trigger AS t ON t.tgrelid = relation.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'policy', name || '.' || polname,
       concat_ws(' ', polcmd, polpermissive, polroles::regrole[]::text, pg_get_expr(polqual, polrelid),
                 pg_get_expr(polwithcheck, polrelid)),
       name
FROM relation JOIN pg_policy AS p ON p.polrelid = relation.oid
UNION ALL
SELECT 'rule', name || '.' || rulename, pg_get_ruledef(w.oid), name
FROM relation JOIN pg_rewrite AS w ON w.ev_class = relation.oid AND w.rulename <> '_RETURN'
UNION ALL
SELECT 'statistics', s.stxname, pg_get_statisticsobjdef(s.oid), s.stxrelid::regclass::text
FROM pg_statistic_ext AS s JOIN space ON space.oid = s.stxnamespace
UNION ALL
SELECT 'function', p.oid::regprocedure::text,
       concat_ws(' ', p.proowner::regrole, p.proacl::text,
                 CASE WHEN p.prokind IN ('f', 'p') THEN md5(pg_get_functiondef(p.oid)) ELSE p.prokind::text END),
       NULL
FROM pg_proc AS p JOIN space ON space.oid = p.pronamespace
WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
UNION ALL
SELECT 'type', t.oid::regtype::text,
       concat_ws(' ', t.typtype, t.typowner::regrole, t.typdefault,
                 (SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid)),
       NULL
FROM pg_type AS t JOIN space ON space.oid = t.typnamespace
-- The types of tables, arrays and multiranges come and go with what they are made from.
WHERE t.typrelid = 0 AND t.typelem = 0 AND t.typtype <> 'm'
  AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = t.oid)
UNION ALL
SELECT 'operator', o.oid::regoperator::text, o.oprcode::text, NULL
FROM pg_operator AS o JOIN space ON space.oid = o.oprnamespace
WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_operator'::regclass AND objid = o.oid)
UNION ALL
SELECT 'collation', c.oid::regcollation::text, c.collprovider::text, NULL
FROM pg_collation AS c JOIN space ON space.oid = c.collnamespace
UNION ALL
SELECT 'extension', extname, extversion, NULL FROM pg_extension
UNION ALL
SELECT 'event trigger', evtname, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled), NULL FROM pg_event_trigger
UNION ALL
SELECT 'publication', pubname, concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete), NULL FROM pg_publication
UNION ALL
SELECT 'comment on', pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description,
       CASE d.classoid
           WHEN 'pg_class'::regclass THEN (SELECT COALESCE(x.indrelid, d.objoid)::regclass::text
                                             FROM (SELECT) AS one LEFT JOIN pg_index AS x ON x.indexrelid = d.objoid)
           WHEN 'pg_constraint'::regclass THEN (SELECT conrelid::regclass::text FROM pg_constraint WHERE oid = d.objoid)
           WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid::regclass::text FROM pg_trigger WHERE oid = d.objoid)
           WHEN 'pg_policy'::regclass THEN (SELECT polrelid::regclass::text FROM pg_policy WHERE oid = d.objoid)
           WHEN 'pg_proc'::regclass THEN d.objoid::regprocedure::text
           WHEN 'pg_type'::regclass THEN d.objoid::regtype::text
           WHEN 'pg_extension'::regclass THEN (SELECT extname::text FROM pg_extension WHERE oid = d.objoid)
       END
FROM pg_description AS d
WHERE d.objoid >= 16384 AND NOT EXISTS (SELECT FROM member WHERE classid = d.classoid AND objid = d.objoid)
UNION ALL
SELECT 'default privileges', concat_ws(' ', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype),
       defaclacl::text, NULL
FROM pg_default_acl
UNION ALL
SELECT 'role', rolname,
       concat_ws(' ', rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolconfig::text,
                 shobj_description(oid, 'pg_authid')),
       NULL
FROM pg_roles WHERE rolname !~ '^pg_'
UNION ALL
SELECT 'membership', m.roleid::regrole::text || ' of ' || m.member::regrole::text, m.admin_option::text,
       m.roleid::regrole::text
FROM pg_auth_members AS m WHERE m.roleid::regrole::text !~ '^pg_'

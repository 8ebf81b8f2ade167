"""Reads the indexes of tables, with their sizes and the server's scan counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.connection import connected
from bench.model.indexes import IndexFact

if TYPE_CHECKING:
    from collections.abc import Collection

    from bench.model.endpoint import Endpoint

_INDEXES = """
SELECT c.relname, r.relname, pg_get_indexdef(i.indexrelid), m.amname,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, false)
                    || CASE WHEN k <= i.indnkeyatts AND (i.indoption[k - 1] & 1) = 1 THEN ' DESC' ELSE '' END
                    || CASE WHEN k <= i.indnkeyatts AND NOT o.opcdefault THEN ' ' || o.opcname ELSE '' END
               FROM generate_series(1, i.indnatts) k
               LEFT JOIN pg_opclass o ON o.oid = i.indclass[k - 1] ORDER BY k),
       i.indnkeyatts, coalesce(pg_get_expr(i.indpred, i.indrelid), ''), i.indisunique,
       EXISTS (SELECT FROM pg_constraint x WHERE x.conindid = i.indexrelid),
       tree.size, coalesce(tree.scans, 0), tree.parts
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_class r ON r.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = r.relnamespace
  JOIN pg_am m ON m.oid = c.relam
 CROSS JOIN LATERAL (
       SELECT sum(pg_relation_size(part))::bigint AS size, sum(pg_stat_get_numscans(part))::bigint AS scans,
              array_agg(part::regclass::text ORDER BY part) FILTER (WHERE part <> i.indexrelid) AS parts
         FROM (SELECT i.indexrelid AS part UNION SELECT relid FROM pg_partition_tree(i.indexrelid)) AS parts) tree
 WHERE NOT c.relispartition AND i.indisvalid AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
   AND r.oid IN (SELECT coalesce(CASE WHEN p.relispartition THEN pg_partition_root(p.oid) END, p.oid)
                   FROM pg_class p WHERE p.relname = ANY(%s) AND p.relkind IN ('r', 'p'))
 ORDER BY r.relname, c.relname"""


def read_indexes(admin: Endpoint, tables: Collection[str]) -> tuple[IndexFact, ...]:
    """Return the valid indexes of tables, or of the partitioned tables that these are partitions of."""
    with connected(admin) as connection:
        rows = connection.execute(_INDEXES, [sorted(tables)]).fetchall()
    return tuple(
        IndexFact(
            name=name,
            table=table,
            definition=definition,
            method=method,
            columns=tuple(columns[:keys]),
            included=tuple(columns[keys:]),
            predicate=predicate,
            unique=unique,
            constraint=constraint,
            size_bytes=int(size or 0),
            scans=int(scans),
            parts=tuple(parts or ()),
        )
        for name, table, definition, method, columns, keys, predicate, unique, constraint, size, scans, parts in rows
    )

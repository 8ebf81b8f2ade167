"""Reads the tables of a database: columns, indexes, partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.connection import connected
from bench.model.relations import Column, Relation

if TYPE_CHECKING:
    from bench.model.endpoint import Endpoint

_TABLES = """
SELECT n.nspname, c.relname,
       CASE WHEN c.relispartition THEN (SELECT r.relname FROM pg_class r WHERE r.oid = pg_partition_root(c.oid)) END,
       c.relkind = 'p', GREATEST(c.reltuples, 0)::float8,
       ARRAY(SELECT p.relname::text FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid
              WHERE t.isleaf AND t.relid <> c.oid ORDER BY 1),
       ARRAY(SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid ORDER BY 1),
       (SELECT json_agg(json_build_array(a.attname, s.avg_width, s.correlation) ORDER BY a.attnum)
          FROM pg_attribute a LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
           AND s.attname = a.attname AND s.inherited = (c.relkind = 'p')
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2"""


def read_relations(endpoint: Endpoint) -> dict[str, Relation]:
    """Return the tables by name; of two schemas with the same name the first in the search path's order is lost."""
    found: dict[str, Relation] = {}
    with connected(endpoint) as connection:
        for schema, name, root, partitioned, rows, partitions, indexes, columns in connection.execute(_TABLES.encode()):
            found[name] = Relation(
                schema=schema,
                name=name,
                root=root,
                partitioned=partitioned,
                partitions=tuple(partitions),
                rows=rows,
                indexes=tuple(indexes),
                columns={
                    column: Column(width_bytes=width or 0, correlation=correlation or 0.0)
                    for column, width, correlation in columns or ()
                },
            )
    return found

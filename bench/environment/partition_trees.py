"""Reads the partitioned tables behind the tables that plans name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.connection import connected
from bench.model.partitions import PartitionedTable

if TYPE_CHECKING:
    from collections.abc import Collection

    from bench.model.endpoint import Endpoint

_TREES = """
SELECT root.relname, pg_get_partkeydef(root.oid), tree.parts, tree.rows, tree.size,
       (SELECT greatest(d.reltuples, 0)::bigint FROM pg_partitioned_table p JOIN pg_class d ON d.oid = p.partdefid
         WHERE p.partrelid = root.oid)
  FROM pg_class root
  JOIN pg_namespace n ON n.oid = root.relnamespace
 CROSS JOIN LATERAL (
       SELECT array_agg(leaf.relname::text ORDER BY leaf.relname) AS parts,
              sum(greatest(leaf.reltuples, 0))::bigint AS rows, sum(pg_total_relation_size(leaf.oid))::bigint AS size
         FROM pg_partition_tree(root.oid) t JOIN pg_class leaf ON leaf.oid = t.relid WHERE t.isleaf
          AND leaf.relkind <> 'p') tree
 WHERE root.relkind = 'p' AND NOT root.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND root.oid IN (SELECT coalesce(CASE WHEN p.relispartition THEN pg_partition_root(p.oid) END, p.oid)
                      FROM pg_class p WHERE p.relname = ANY(%s) AND p.relkind IN ('r', 'p'))
 ORDER BY root.relname"""


def read_partition_trees(admin: Endpoint, tables: Collection[str]) -> tuple[PartitionedTable, ...]:
    """Return those of the tables that are partitioned, or the roots of those that are partitions."""
    with connected(admin) as connection:
        rows = connection.execute(_TREES, [sorted(tables)]).fetchall()
    return tuple(
        PartitionedTable(
            table=table,
            key=key,
            parts=tuple(parts or ()),
            rows=int(number or 0),
            size_bytes=int(size or 0),
            default_rows=default,
        )
        for table, key, parts, number, size, default in rows
    )

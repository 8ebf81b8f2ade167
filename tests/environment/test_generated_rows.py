"""The rows of the dataset as they are made, before any server: the same everywhere and linear in the scale."""

from __future__ import annotations

import re
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from bench.environment import migrations
from bench.environment.seeding import SUBJECTS
from bench.environment.seeding.table import World, chunks

if TYPE_CHECKING:
    from bench.environment.seeding.table import Table

TABLES = {table.name: table for subject in SUBJECTS for table in subject.tables}
FIXED = {
    # What is filed, and who is connected, does not grow with the book.
    "rate_tables", "territories", "rating_factors", "discount_rules", "surcharge_rules", "vehicle_symbols",
    "rate_table_versions", "sso_providers", "oauth2_clients", "admin_roles", "sso_provider_configs",
    "sso_group_mappings", "user_provisioning_rules",
}  # fmt: skip


def _rows(table: Table, world: World) -> int:
    return sum(chunk.rows for chunk in chunks(table, world))


@pytest.mark.parametrize("name", TABLES)
def test_rows_do_not_depend_on_where_a_chunk_begins(name: str) -> None:
    """A row is a function of the seed and its number, so chunks, order and connections cannot change the data."""
    world, table = World(7, 0.004), TABLES[name]
    units = table.units(world.sizes)
    whole = b"".join(chunk.data for chunk in chunks(_chunked(table, units + 1), world))
    pieces = b"".join(chunk.data for chunk in chunks(_chunked(table, max(units // 3, 1)), World(7, 0.004)))
    assert whole == pieces
    assert whole


def _chunked(table: Table, chunk: int) -> Table:
    """Return the table with another size of chunks."""
    return type(table)(table.name, table.units, table.rows, chunk)


def test_another_seed_makes_other_rows() -> None:
    def first(seed: int) -> bytes:
        return next(chunks(TABLES["customers"], World(seed, 0.01))).data

    assert first(5) == first(5)
    assert len({first(5), first(6), first(-5)}) == 3


def test_rows_grow_linearly_with_the_scale() -> None:
    for name, table in TABLES.items():
        small, large = (_rows(table, World(42, scale)) for scale in (0.2, 0.6))
        noise = 4 * large**0.5  # where each of the units has a row or not
        assert abs(large - 3 * small) <= max(noise, 0.03 * large) or (name in FIXED and small <= large <= 3 * small), (
            name
        )


def test_memory_does_not_grow_with_the_scale() -> None:
    """Chunks bound it: three times the rows take the same memory."""

    def peak(scale: float) -> int:
        world = World(42, scale)
        for table in ("policies", "notifications", "quote_coverages", "audit_logs"):
            next(chunks(TABLES[table], world))  # so that tables kept by the world are there
        tracemalloc.start()
        for table in ("policies", "notifications", "quote_coverages", "audit_logs"):
            for chunk in chunks(TABLES[table], world):
                assert chunk.rows
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(0.45) < 1.2 * peak(0.15)


def test_every_table_of_the_schema_is_filled() -> None:
    made = re.findall(r"^CREATE TABLE (\w+) \($", migrations.sql(), flags=re.MULTILINE)
    by_migrations = {"state_transitions", "data_retention_policies", "alembic_version"}
    assert set(made) - by_migrations == set(TABLES)

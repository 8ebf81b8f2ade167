"""The shipped schema keeps every claim of its ledger, on every PostgreSQL we have here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.environment import migrations
from bench.environment.audit.catalogue import read_catalogue
from bench.environment.audit.claims import CLAIMS
from bench.environment.audit.run import audit
from bench.environment.audit.scratch import PREFIX, Scratch
from bench.environment.audit.subject import shipped_facts
from bench.environment.connection import connected
from bench.environment.embedded import Where, session
from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.embedded import Environment
    from tests.environment.audit.conftest import WriteEnvironment

pytestmark = pytest.mark.pg


@pytest.mark.slow
def test_every_claim_is_proven_and_nothing_is_left_on_the_server(
    open_folder: Path, bindir: Path, pgbouncer: Path | None
) -> None:
    with session(Where(open_folder / ".bench", bindir, pgbouncer)) as running:
        told: list[str] = []
        ledger = audit(running.admin, told.append)
        with connected(running.admin) as connection:
            names = connection.execute("SELECT datname FROM pg_database").fetchall()
    wrong = {claim.id: [f"{fault.subject}: {fault.problem}" for fault in claim.faults] for claim in ledger.failed}
    assert wrong == {}
    assert ledger.verdict == "pass"
    assert [claim.id for claim in ledger.claims] == [f"S{number:02}" for number in range(1, 23)]
    assert ledger.not_applicable == ()
    assert ledger.notes == ()
    assert told
    evidence = {claim.id: claim.evidence for claim in ledger.claims}
    assert len(evidence["S06"]["constraints"]) >= 300
    assert all(each["reason"] and each["provoked_by"] for each in evidence["S06"]["constraints"])
    assert sum(evidence["S10"]["provoked"].values()) > 800
    assert evidence["S11"].pop("faults") == []
    assert {machine: each["states"] for machine, each in evidence["S11"].items()} == {
        "policy": 6, "claim": 7, "quote": 7, "rate_approval": 7, "notification": 7,
    }  # fmt: skip
    assert evidence["S12"]["pruning"]["read"] == 1
    assert not [name for (name,) in names if name.startswith(PREFIX)]


def test_what_the_audit_knows_of_the_schema_is_all_there_is(environment: Environment) -> None:
    """A rule, key, index or table that is new must be written down a second time, or its loss would go unnoticed."""
    databases = Scratch(environment.admin)
    try:
        database = databases.create()
        migrations.upgrade(database.dsn())
        catalogue = read_catalogue(database)
    finally:
        databases.close()
    present = {
        "checks": {(each.table, each.name) for each in catalogue.constraints if each.kind == "c"},
        "keys": {(each.table, each.name) for each in catalogue.constraints if each.kind in "pux"},
        "foreign_keys": {(each.table, each.name) for each in catalogue.constraints if each.kind == "f"},
        "indexes": {(each.table, each.name) for each in catalogue.indexes if not each.constraint_name},
    }
    inventory = shipped_facts("inventory")
    assert {
        section: {(table, name) for table, names in tables.items() for name in names}
        for section, tables in inventory.items()
    } == present
    assert {name for names in shipped_facts("tables").values() for name in names} == set(catalogue.tables)


def test_claims_have_unique_ids_in_order() -> None:
    assert [claim.id for claim in CLAIMS] == sorted({claim.id for claim in CLAIMS})


def test_an_unknown_claim_is_refused_with_the_known_ones(environment: Environment) -> None:
    with pytest.raises(ScenarioError, match="no claim S99") as caught:
        audit(environment.admin, lambda _: None, only=["S07", "S99"])
    assert "S22" in caught.value.remedy


def test_roles_that_the_migrations_create_go_with_the_audit(
    environment: Environment, write_environment: WriteEnvironment
) -> None:
    """A role belongs to the server: one that only a scratch database needed must not outlive the audit."""
    folder = write_environment(("1", None, "CREATE ROLE audited_for_a_moment", "SELECT 1"))
    with connected(environment.admin) as connection:
        before = connection.execute("SELECT rolname FROM pg_roles ORDER BY 1").fetchall()
        ledger = audit(environment.admin, lambda _: None, location=folder, only=["S03"])
        assert connection.execute("SELECT rolname FROM pg_roles ORDER BY 1").fetchall() == before
    assert ledger.claims[0].faults[0].problem.startswith("its downgrade leaves behind role audited_for_a_moment")

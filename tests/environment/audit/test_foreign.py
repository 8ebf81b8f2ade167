"""The audit of somebody else's Alembic environment: each planted fault is named, and nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.environment.audit.run import audit
from bench.environment.connection import connected
from bench.environment.embedded import Where, session
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from bench.environment.embedded import Environment
    from bench.model.ledger import Ledger
    from tests.environment.audit.conftest import WriteEnvironment

pytestmark = pytest.mark.pg

SAMPLE = Path(__file__).parents[2] / "data" / "faulty_alembic"


def _named(ledger: Ledger) -> dict[str, dict[str, str]]:
    return {
        claim.id: {fault.subject: fault.problem for fault in claim.faults} for claim in ledger.claims if claim.faults
    }


def test_each_planted_fault_is_named_and_nothing_else(open_folder: Path, bindir: Path, pgbouncer: Path | None) -> None:
    with session(Where(open_folder / ".bench", bindir, pgbouncer)) as running:
        ledger = audit(running.admin, lambda _: None, location=SAMPLE)
    named = _named(ledger)
    assert {claim: set(subjects) for claim, subjects in named.items()} == {
        "S01": {"a2"},
        "S02": {"b3", "c3"},
        "S03": {"b3", "c3"},
        "S07": {"copies.fk_copies_book"},
        "S08": {"books.subtitle"},
        "S18": {"loans.fk_loans_copy"},
    }
    assert "branches here into b3 and c3; heads: b3, c3" in named["S01"]["a2"]
    assert named["S02"]["c3"] == "downgrade() is empty"
    assert named["S02"]["b3"] == "its downgrade leaves behind type copy_condition"
    assert 'type "copy_condition" already exists' in named["S03"]["b3"]
    assert "NO ACTION" in named["S07"]["copies.fk_copies_book"]
    assert "no index begins with (copy_id)" in named["S18"]["loans.fk_loans_copy"]
    assert [claim.id for claim in ledger.claims if claim.verdict == "pass"] == ["S09", "S20"]
    assert all(claim.remedy for claim in ledger.failed)


def test_claims_about_shipped_names_are_listed_as_not_applicable(environment: Environment) -> None:
    ledger = audit(environment.admin, lambda _: None, location=SAMPLE, only=["S09", "S11", "S13"])
    assert [claim.id for claim in ledger.claims] == ["S09"]
    assert [(each.id, each.reason) for each in ledger.not_applicable] == [
        (name, "it speaks of names that only the shipped schema has") for name in ("S11", "S13")
    ]


def test_without_any_claim_that_applies_the_audit_does_not_pass(environment: Environment) -> None:
    ledger = audit(environment.admin, lambda _: None, location=SAMPLE, only=["S11"])
    assert ledger.claims == ()
    assert ledger.verdict == "fail"


def test_the_same_library_without_its_faults_passes(environment: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "mended"
    shutil.copytree(SAMPLE, folder)
    drop_type = '    op.drop_table("inspections")\n    op.execute("DROP TYPE copy_condition")'
    for file, old, new in (
        ("a1_books.py", "nullable=True),  # planted: no comment says why it may be null", "nullable=False),"),
        ("a2_copies.py", 'name="fk_copies_book")', 'name="fk_copies_book", ondelete="RESTRICT")'),
        ("b3_condition.py", '    op.drop_table("inspections")', drop_type),
        ("c3_loans.py", 'down_revision = "a2"', 'down_revision = "b3"'),
        ("c3_loans.py", '"borrower", "copy_id", "lent_on", name', '"copy_id", "borrower", "lent_on", name'),
        ("c3_loans.py", "    pass  # planted", '    op.drop_table("loans")'),
    ):
        path = folder / "versions" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    ledger = audit(environment.admin, lambda _: None, location=folder)
    assert _named(ledger) == {}
    assert ledger.verdict == "pass"


def test_an_environment_that_migrates_another_database_is_refused_before_anything_happens(
    environment: Environment, write_environment: WriteEnvironment
) -> None:
    """An env.py with an address of its own must not get to run a revision there."""
    url = environment.admin.dsn().replace("postgresql://", "postgresql+psycopg://")
    folder = write_environment(("1", None, "CREATE TABLE oops ()", "DROP TABLE oops"), url=url)
    with pytest.raises(SetupError, match="does not migrate the database it is given") as caught:
        audit(environment.admin, lambda _: None, location=folder)
    assert "nothing was changed" in caught.value.evidence
    assert "password" not in str(caught.value)
    with connected(environment.admin) as connection:
        assert connection.execute("SELECT to_regclass('oops'), to_regclass('alembic_version')").fetchone() == (
            None,
            None,
        )


def test_an_environment_whose_env_py_fails_says_why(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "1.py").write_text("revision = '1'\ndown_revision = None\n")
    (tmp_path / "env.py").write_text("import an_application_that_is_not_here\n")
    with pytest.raises(SetupError, match="does not run") as caught:
        audit(environment.admin, lambda _: None, location=tmp_path)
    assert "an_application_that_is_not_here" in caught.value.evidence
    assert "PYTHONPATH" in caught.value.remedy


def test_a_revision_that_cannot_be_applied_fails_every_claim_that_needs_it(
    environment: Environment, write_environment: WriteEnvironment
) -> None:
    folder = write_environment(
        ("1", None, "CREATE TABLE t (id bigint PRIMARY KEY)", "DROP TABLE t"),
        ("2", "1", "ALTER TABLE nowhere ADD COLUMN x int", "SELECT 1"),
    )
    named = _named(audit(environment.admin, lambda _: None, location=folder))
    assert named["S02"]["2"] == 'its upgrade fails: relation "nowhere" does not exist'
    for claim in ("S07", "S08", "S09", "S18", "S20"):
        assert named[claim] == {"2": 'revision 2 cannot be applied: relation "nowhere" does not exist'}
    assert "S01" not in named


def test_a_downgrade_that_alters_or_loses_is_named(
    environment: Environment, write_environment: WriteEnvironment
) -> None:
    first = """
        CREATE TABLE t (id bigint PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x');
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"""
    folder = write_environment(
        ("1", None, first, "DROP TABLE t; DROP FUNCTION f()"),
        ("2", "1", "ALTER TABLE t ALTER COLUMN a SET NOT NULL; DROP FUNCTION f()", "DELETE FROM t"),
    )
    (result,) = audit(environment.admin, lambda _: None, location=folder, only=["S02"]).claims
    problems = [fault.problem for fault in result.faults if fault.subject == "2"]
    assert problems == [
        "its second upgrade fails: function f() does not exist",
        "its downgrade loses function f(), row of t",
        "its downgrade alters column t.a",
    ]

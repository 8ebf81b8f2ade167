"""`bench new` drafts what a server can tell and leaves open what it cannot; what it writes can be run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from bench.cli import cli
from bench.environment.connection import connected
from bench.environment.drafting import Described, Refusal, describe, observed_statements
from bench.environment.populations import read_populations
from bench.model.errors import BenchError, ScenarioError
from bench.model.scenario_text import parse_scenario
from bench.model.sql_file import Statement, read_statements
from tests.faults.foreign import OWNER, PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.foreign import Foreign

SQL = """
-- name: dearest
SELECT id, amount FROM app.payments WHERE amount >= :least ORDER BY amount;
-- name: one
SELECT p.amount FROM app.payments AS p WHERE $1 = p.id AND p.amount = $2;
-- name: change
UPDATE app.payments SET amount = amount WHERE id = $1;
-- name: wrong
SELECT nothing FROM app.payments;
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    (tmp_path / "queries.sql").write_text(SQL)
    return tmp_path


def _new(*arguments: str) -> str:
    """Run it in this process; errors come through."""
    return CliRunner(catch_exceptions=False).invoke(cli, ["new", *arguments], standalone_mode=False).stdout


@pytest.mark.pg
def test_what_the_server_can_tell_makes_a_scenario_that_draws_real_rows(foreign: Foreign, folder: Path) -> None:
    printed = json.loads(_new("mine", "--sql", "queries.sql", "--dsn", foreign.dsn, "--json"))
    assert printed["operations"] == ["dearest", "one"]
    assert printed["open"] == []
    assert [one["name"] for one in printed["left_out"]] == ["change", "wrong"]
    text = (folder / "mine.toml").read_text()
    assert PASSWORD not in text
    scenario = parse_scenario(text, "mine.toml")
    dearest, one = scenario.operation
    assert dearest.argument_names == ("least",)
    assert one.argument_names == ("id", "amount")  # of the same row: they are compared with the same table
    rows = read_populations(foreign.owner, scenario.operation)
    assert all(rows.values())
    with connected(foreign.owner) as connection:
        number, amount = next(iter(rows[one.parameters[0].sql]))  # type: ignore[union-attr]  # both are samples
        assert connection.execute(one.steps[0].sql.replace("$1", str(number)).replace("$2", str(amount))).fetchone()


@pytest.mark.pg
def test_what_nobody_can_know_is_left_open_and_refused_until_somebody_chooses(foreign: Foreign, folder: Path) -> None:
    (folder / "queries.sql").write_text("SELECT id FROM app.payments LIMIT $1")
    printed = json.loads(_new("mine", "--sql", "queries.sql", "--dsn", foreign.dsn, "--json"))
    assert printed["open"] == [{"operation": "statement_1", "parameter": "p1", "type": "bigint"}]
    text = (folder / "mine.toml").read_text()
    with pytest.raises(ScenarioError, match="left open"):
        parse_scenario(text, "mine.toml")
    chosen = text.replace('kind = "open"', 'kind = "choice"\nvalues = [10]')
    assert parse_scenario(chosen, "mine.toml").operation[0].argument_names == ("p1",)


@pytest.mark.pg
def test_what_a_server_runs_most_is_drafted_with_its_weight(foreign: Foreign, folder: Path) -> None:
    with psycopg.connect(foreign.dsn, autocommit=True) as session:
        for number in range(1, 41):
            session.execute("SELECT amount FROM app.payments WHERE id = %s", [number])
        for number in range(1, 21):
            session.execute("SELECT count(*) FROM app.payments WHERE amount < %s", [number])
        session.execute("UPDATE app.payments SET amount = amount WHERE id = 1")
    with connected(foreign.admin) as connection:
        assert any("app.payments" in one.statement.sql for one in observed_statements(connection, 200))
        connection.execute(sql.SQL("GRANT pg_read_all_stats TO {}").format(sql.Identifier(OWNER)))
    _new("mine", "--from-statements", "--top", "200", "--dsn", foreign.dsn)
    chosen = (folder / "mine.toml").read_text().replace('kind = "open"', 'kind = "choice"\nvalues = [1]')
    scenario = parse_scenario(chosen, "mine.toml")
    weights = {operation.steps[0].sql.split(" FROM")[0]: operation.weight for operation in scenario.operation}
    assert weights["SELECT amount"] == pytest.approx(2 * weights["SELECT count(*)"])
    assert not any("UPDATE" in operation.steps[0].sql for operation in scenario.operation)


@pytest.mark.pg
def test_a_partitioned_table_is_drawn_from_as_a_whole(foreign: Foreign) -> None:
    with connected(foreign.admin) as connection:
        connection.execute("CREATE TABLE app.log (at date, what text) PARTITION BY RANGE (at)")
        connection.execute(
            "CREATE TABLE app.log_a PARTITION OF app.log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
        )
        statement = Statement("a", "SELECT what FROM app.log WHERE at >= $1 AND at < $2 AND what = $3")
        known = describe(connection, statement)
        connection.execute("DROP TABLE app.log")
    assert isinstance(known, Described)
    assert known.types == ("date", "date", "text")
    assert {number: (one.table, one.column, one.equal) for number, one in known.compared.items()} == {
        1: ("app.log", "at", False),
        2: ("app.log", "at", False),
        3: ("app.log", "what", True),
    }


@pytest.mark.pg
def test_a_statement_that_takes_too_long_to_plan_is_left_out_with_the_reason(
    foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.environment.drafting.STATEMENT_TIMEOUT", "1ms")
    joined = [f"JOIN pg_class c{n} ON c{n}.oid = c{n - 1}.relnamespace" for n in range(1, 9)]
    with connected(foreign.admin) as connection:
        known = describe(connection, Statement("wide", " ".join(["SELECT 1 FROM pg_class c0", *joined])))
        assert isinstance(known, Refusal)
        assert "statement timeout" in known.words
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.pg
def test_nothing_is_executed_and_nothing_stays_prepared(foreign: Foreign) -> None:
    (statement,) = read_statements("SELECT nextval('app.tickets')", "x.sql")
    with connected(foreign.admin) as connection:
        before = connection.execute("SELECT last_value, is_called FROM app.tickets").fetchone()
        assert isinstance(describe(connection, statement), Described)
        assert isinstance(describe(connection, Statement("b", "SELECT FROM WHERE")), Refusal)
        assert connection.execute("SELECT last_value, is_called FROM app.tickets").fetchone() == before
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["mine"], "one origin"),
        (["mine", "--sql", "queries.sql", "--from-statements"], "one origin"),
        (["../mine", "--sql", "queries.sql"], "no name for a scenario"),
        (["there", "--sql", "queries.sql"], "there already"),
        (["mine", "--sql", "missing.sql", "--dsn", "host=127.0.0.1 port=1"], "cannot reach"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_remedy(folder: Path, arguments: list[str], word: str) -> None:
    (folder / "there.toml").write_text("mine alone")
    with pytest.raises(BenchError, match=word) as refused:
        _new(*arguments)
    assert refused.value.remedy
    assert (folder / "there.toml").read_text() == "mine alone"

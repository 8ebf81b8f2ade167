"""A database that is somebody else's is as it was after every command, and the load on it is bounded."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import msgspec
import psycopg
import pytest

from bench.cli import cli
from bench.environment.connection import connected
from bench.environment.safeguard import guarded_pooler, read_signs, session_settings, stand_guard
from bench.model.errors import BenchError, ScenarioError, SetupError
from bench.model.limits import Limits
from bench.model.sample import Outcome
from bench.model.scenario_text import decode, read_raw
from bench.store.runs import open_run
from tests.faults.foreign import PASSWORD, SCENARIO, commands_with_dsn

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.embedded import Environment
    from tests.faults.foreign import Foreign

OWNER_DSN = "the owner's"
"""Stands for the connection string of the owner."""
MEASURING = {
    "run": ["theirs.toml"],
    "capacity": ["theirs.toml", "--limit", "rate=150/s", "--confirm", "1", "--set", "run.window=500ms"],
    "tune": ["theirs.toml", "--budget", "1s"],
    "swarm": ["theirs.toml", "--workers", "1"],
}
MEASURED = (0, 3)
"""Done, or done and not to be believed: half a second on a busy machine may not be steady, and does not matter here."""
CHANGING = {
    "seed": ["--scale", "0.01"],
    "schema upgrade": [],
    "schema downgrade": ["base"],
    "schema partitions": ["--ahead", "1"],
    "schema audit": ["--claim", "S07"],
}
LOOKING = {
    "explain": ["theirs.toml", "--owner-dsn", OWNER_DSN],
    "monitor": ["--once", "--interval", "100ms", "--warn-only"],
    "new": ["drafted", "--sql", "theirs.sql", "--writes"],
}
JUDGING = {"gate": ["latest"]}
"""Stored runs are judged without a database: it takes addresses for `--against` and `--rerun` only."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    (tmp_path / "theirs.toml").write_text(SCENARIO)
    (tmp_path / "theirs.sql").write_text("SELECT nextval('app.tickets'); DELETE FROM app.payments WHERE id = $1;")
    return tmp_path


def _bench(*arguments: str) -> int:
    """Run a command in this process; returns its exit code."""
    try:
        code = cli.main(list(arguments), standalone_mode=False)
    except SystemExit as end:
        code = end.code
    return code if isinstance(code, int) else 0


def test_every_command_that_takes_a_database_is_tried_on_a_foreign_one() -> None:
    assert commands_with_dsn() == MEASURING.keys() | LOOKING.keys() | CHANGING.keys() | JUDGING.keys()


@pytest.mark.pg
def test_measuring_leaves_a_foreign_database_as_it_was(foreign: Foreign, folder: Path) -> None:
    before = foreign.digest()
    for words, arguments in MEASURING.items():
        code = _bench(*words.split(), *arguments, "--dsn", foreign.dsn, "--warn-only")
        assert code in MEASURED, words
        assert foreign.digest() == before, words
    facts = [json.loads(path.read_text()) for path in (folder / "results").glob("*/run.json")]
    assert {each["status"] for each in facts} == {"finished"}
    codes = [{caveat["code"] for caveat in each["caveats"]} for each in facts]
    assert len(codes) == len(MEASURING)
    assert all("guarded" in found for found in codes)


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
def test_a_gate_between_foreign_databases_leaves_them_as_they_were(foreign: Foreign) -> None:
    before = foreign.digest()
    options = ["--pairs", "2", "--no-rerun", "--warn-only", "--set", "run.window=200ms"]
    assert _bench("gate", "theirs.toml", "--against", foreign.dsn, "--dsn", foreign.dsn, *options) == 0
    assert foreign.digest() == before


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
def test_an_audit_on_a_server_of_others_leaves_it_as_it_was(foreign: Foreign) -> None:
    """It works in databases of its own, and takes them, and the roles it made, away again."""
    before = foreign.digest()
    assert _bench("schema", "audit", "--claim", "S07", "--dsn", foreign.admin.dsn()) == 0
    assert foreign.digest() == before


@pytest.mark.pg
def test_a_statement_on_a_foreign_database_ends_at_its_timeout(foreign: Foreign, folder: Path) -> None:
    slow = SCENARIO.replace("SELECT amount FROM app.payments WHERE id = $1::bigint", "SELECT pg_sleep(60 + $1::bigint)")
    (folder / "slow.toml").write_text(slow)
    before = foreign.digest()
    limit = ["--limit", "statement_timeout=50ms"]
    assert _bench("run", "slow.toml", "--dsn", foreign.dsn, "--warn-only", *limit, "--set", "pool.prime=false") in (
        0,
        3,
    )
    assert foreign.digest() == before
    (stored,) = open_run("latest", folder / "results").trials()
    samples = stored.samples()
    assert len(samples) > 0
    assert set(samples.outcome.tolist()) == {Outcome.QUERY_TIMEOUT}


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("words", CHANGING)
def test_what_would_change_a_foreign_database_is_refused(foreign: Foreign, words: str) -> None:
    before = foreign.digest()
    with pytest.raises(SetupError, match=r"marker|superuser"):
        _bench(*words.split(), *CHANGING[words], "--dsn", foreign.dsn)
    assert foreign.digest() == before


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("words", LOOKING)
def test_looking_leaves_a_foreign_database_as_it_was(foreign: Foreign, words: str) -> None:
    before = foreign.digest()
    arguments = [foreign.owner.dsn() if each == OWNER_DSN else each for each in LOOKING[words]]
    assert _bench(words, *arguments, "--dsn", foreign.dsn) == 0
    assert foreign.digest() == before


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
def test_looking_at_partitions_to_come_changes_nothing(foreign: Foreign) -> None:
    before = foreign.digest()
    with contextlib.suppress(BenchError):  # it holds no partitions of ours
        _bench("schema", "partitions", "--dry-run", "--dsn", foreign.dsn)
    assert foreign.digest() == before


@pytest.mark.pg
def test_a_read_that_writes_is_refused_on_a_foreign_database_until_the_user_allows_it(
    foreign: Foreign, folder: Path
) -> None:
    ticket = SCENARIO.replace(
        "SELECT amount FROM app.payments WHERE id = $1::bigint", "SELECT app.ticket() + $1::bigint"
    )
    (folder / "ticket.toml").write_text(ticket)
    before = foreign.digest()
    with pytest.raises(ScenarioError, match="read-only transaction"):
        _bench("run", "ticket.toml", "--dsn", foreign.dsn)
    assert foreign.digest() == before
    with connected(foreign.owner) as connection:
        assert _bench("run", "ticket.toml", "--dsn", foreign.dsn, "--limit", "read_only=off", "--warn-only") == 0
        [(drawn,)] = connection.execute("SELECT last_value FROM app.tickets").fetchall()
        connection.execute("ALTER SEQUENCE app.tickets RESTART")
    assert drawn > 1


@pytest.mark.pg
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--limit", "connections=1", "--set", "pool.size=2"], "above the limit of 1 connections"),
        (["--set", 'load={model="open",rate="2000/s"}'], "2,000/s, above the limit of 1,000/s"),
        (["--limit", "conections=1"], "did you mean `connections`"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_load_beyond_the_limits_is_refused_before_it_begins(
    foreign: Foreign, folder: Path, arguments: list[str], words: str
) -> None:
    if "load" in arguments[1]:
        text = SCENARIO.replace('model = "closed", clients = 1', 'model = "open", rate = "2000/s"')
        (folder / "theirs.toml").write_text(text)
        arguments = []
    with pytest.raises(ScenarioError) as refused:
        _bench("run", "theirs.toml", "--dsn", foreign.dsn, *arguments)
    assert words in str(refused.value)
    assert not (folder / "results").exists()


@pytest.mark.pg
@pytest.mark.parametrize("words", ["run", "capacity", "tune"])
def test_what_a_scenario_breaks_on_purpose_is_never_broken_on_a_foreign_database(
    foreign: Foreign, folder: Path, words: str
) -> None:
    disturbed = SCENARIO + '[[disturbance]]\nkind = "drop_connections"\nat = "100ms"\n'
    (folder / "theirs.toml").write_text(disturbed)
    before = foreign.digest()
    with pytest.raises(ScenarioError, match="never disturbed"):
        _bench(words, "theirs.toml", "--dsn", foreign.dsn)
    assert foreign.digest() == before
    assert not (folder / "results").exists()


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
def test_a_database_where_others_work_asks_whether_the_user_knows(foreign: Foreign) -> None:
    with contextlib.ExitStack() as others:
        for _ in range(11):
            others.enter_context(psycopg.connect(foreign.owner.dsn(), application_name="shop"))
        with pytest.raises(SetupError, match="looks like production") as refused:
            _bench("run", "theirs.toml", "--dsn", foreign.dsn)
        assert "connections of others are open" in refused.value.evidence
        with pytest.raises(SetupError, match="looks like production"):
            _bench("seed", "--dsn", foreign.dsn, "--allow-destructive", foreign.owner.dbname)
        guard = stand_guard(foreign.owner, Limits(i_know=True))
    assert guard is not None
    assert guard.connections >= 1


@pytest.mark.pg
def test_a_pooler_that_passes_no_settings_on_is_named_and_gets_none(environment: Environment) -> None:
    settings = session_settings(Limits(), [decode(read_raw(SCENARIO, "theirs"), "theirs")])
    assert settings == (("statement_timeout", "30000ms"), ("default_transaction_read_only", "on"))
    endpoint, doubt = guarded_pooler(environment.pooled, settings)
    assert endpoint == environment.pooled
    assert doubt is not None
    assert doubt.code == "unguarded-pooler"
    assert guarded_pooler(environment.app, settings) == (
        msgspec.structs.replace(environment.app, session=settings),
        None,
    )


@pytest.mark.pg
def test_signs_of_use_are_read_from_the_server(environment: Environment) -> None:
    signs = read_signs(environment.app)
    assert (signs.standby, signs.standbys) == (False, 0)
    assert 0 < signs.free < 200
    assert signs.bytes > 1_000_000

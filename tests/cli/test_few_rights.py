"""A login that may do no more than read the scenario's tables gets an answer or one clear error, never a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.cli import cli
from bench.cli.progress import choose_progress
from bench.environment.attached import Attachment
from bench.environment.connection import connected
from bench.environment.inventory import read_inventory
from bench.experiment.run import Request, describe_run
from bench.experiment.scenario_file import plan_scenario
from bench.experiment.target import open_target
from bench.model.errors import SetupError
from bench.model.scenario_text import Overrides
from tests.faults.foreign import SCENARIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint

PASSWORD = "few rights"
DATABASE = "few_rights"
CONTENT = """
CREATE EXTENSION pg_stat_statements;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('a1b2c3');
CREATE SCHEMA app;
CREATE TABLE app.payments (id bigint PRIMARY KEY, amount numeric NOT NULL);
INSERT INTO app.payments SELECT g, g FROM generate_series(1, 500) AS g;
CREATE TABLE audit_logs (occurred_at timestamptz NOT NULL) PARTITION BY RANGE (occurred_at);
CREATE TABLE audit_logs_default PARTITION OF audit_logs DEFAULT;
GRANT USAGE ON SCHEMA app TO few;
GRANT SELECT ON app.payments TO few;
ANALYZE;
"""


@pytest.fixture(scope="module")
def few(environment: Environment) -> Iterator[Endpoint]:
    """The login: it may connect and read one table."""
    server = msgspec.structs.replace(environment.admin, dbname="postgres")
    admin = msgspec.structs.replace(environment.admin, dbname=DATABASE)
    with connected(server) as connection:
        connection.execute(f"CREATE ROLE few LOGIN PASSWORD '{PASSWORD}'".encode())
        connection.execute(f"CREATE DATABASE {DATABASE}".encode())
        connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM public".encode())
        connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO few".encode())
    try:
        with connected(admin) as connection:
            connection.execute(CONTENT.encode())
        yield msgspec.structs.replace(admin, user="few", password=PASSWORD)
    finally:
        with connected(server) as connection:
            connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())
            connection.execute(b"DROP ROLE few")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    (tmp_path / "theirs.toml").write_text(SCENARIO)
    return tmp_path


def _dsn(few: Endpoint) -> str:
    return f"host={few.host} port={few.port} dbname={few.dbname} user={few.user}"


def _bench(few: Endpoint, *arguments: str) -> int:
    try:
        cli.main([*arguments, "--dsn", _dsn(few)], standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


@pytest.mark.pg
def test_a_run_names_the_revision_it_could_not_read_and_goes_on(few: Endpoint, folder: Path) -> None:
    planned = plan_scenario(SCENARIO, "theirs.toml", Overrides(), quick=False)
    where = Attachment(_dsn(few))
    request = Request(planned, where, folder, folder, ("bench", "run"))
    with open_target(where, planned.scenario.dataset, [planned.scenario], choose_progress()) as target:
        facts = describe_run(request, target, [planned.scenario])
    [caveat] = [one for one in facts.caveats if one.code == "revision-unreadable"]
    assert "few may not read `alembic_version`" in caveat.text
    assert "GRANT SELECT ON alembic_version" in caveat.cure
    assert facts.alembic_head is None


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
def test_explain_says_why_the_owner_has_no_plans(few: Endpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert _bench(few, "explain", "theirs.toml", "--json") == 0
    [explained] = json.loads(capsys.readouterr().out)["scenarios"]
    assert "no-owner-plan" in {caveat["code"] for caveat in explained["caveats"]}
    assert explained["plans"]


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
def test_monitor_says_what_this_role_does_not_see(few: Endpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert _bench(few, "monitor", "--once", "--interval", "50ms", "--json", "--warn-only") == 0
    unseen = {caveat["code"] for caveat in json.loads(capsys.readouterr().out)["health"]["unseen"]}
    assert unseen == {"sessions-hidden", "pooler-unobserved"}


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["schema", "audit", "--claim", "S07"], "superuser"),
        (["schema", "partitions", "--dry-run", "--allow-destructive", DATABASE], "permission denied|may not"),
        (["schema", "upgrade", "--allow-destructive", DATABASE], "permission denied"),
        (["seed", "--scale", "0.01", "--allow-destructive", DATABASE], "permission denied|schema"),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else "",
)
def test_what_needs_more_rights_says_so(few: Endpoint, arguments: list[str], words: str) -> None:
    with pytest.raises(SetupError, match=words):
        _bench(few, *arguments)


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", [["run"], ["tune", "--budget", "1s"]], ids=lambda value: value[0])
def test_statement_statistics_that_may_not_be_read_end_it_with_the_cure(
    few: Endpoint, environment: Environment, command: list[str]
) -> None:
    with connected(msgspec.structs.replace(environment.admin, dbname=DATABASE)) as admin:
        admin.execute("REVOKE SELECT ON pg_stat_statements FROM public")
        try:
            with pytest.raises(SetupError) as refused:
                _bench(few, *command, "theirs.toml")
        finally:
            admin.execute("GRANT SELECT ON pg_stat_statements TO public")
    assert "pg_stat_statements" in str(refused.value)


@pytest.mark.pg
def test_a_table_called_alembic_version_that_is_not_alembics_is_named(environment: Environment) -> None:
    """A revision is never guessed from whatever stands there."""
    with connected(environment.admin) as connection:
        connection.execute("CREATE SCHEMA not_alembic; CREATE TABLE not_alembic.alembic_version (x int)")
        try:
            other = msgspec.structs.replace(environment.admin, session=(("search_path", "not_alembic"),))
            found = read_inventory(other)
        finally:
            connection.execute("DROP SCHEMA not_alembic CASCADE")
    assert found.alembic_head is None
    assert [caveat.code for caveat in found.caveats] == ["revision-unreadable"]


@pytest.mark.pg
@pytest.mark.usefixtures("folder")
def test_one_look_does_not_tell_how_to_end_it(few: Endpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert _bench(few, "monitor", "--once", "--interval", "50ms", "--warn-only") == 0
    shown = capsys.readouterr().out
    assert "PostgreSQL" in shown
    assert "Ctrl-C" not in shown

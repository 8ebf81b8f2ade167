"""`bench schema` as a user and a script meet it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.conninfo import make_conninfo

from bench.environment import migrations
from bench.environment.audit.scratch import Scratch
from bench.environment.connection import connected
from tests.forked import run_forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint

pytestmark = pytest.mark.pg

Done = subprocess.CompletedProcess[str]
SAMPLE = Path(__file__).parents[1] / "data" / "faulty_alembic"


@pytest.fixture
def database(environment: Environment) -> Iterator[Endpoint]:
    """An empty database that carries no marker."""
    scratch = Scratch(environment.admin)
    yield scratch.create()
    scratch.close()


@pytest.fixture
def bench(database: Endpoint, tmp_path: Path) -> Callable[..., Done]:
    """Runs `bench schema` in an empty folder; ``--dsn`` leads to the database, the password in the environment."""
    dsn = make_conninfo(host=database.host, port=database.port, dbname=database.dbname, user=database.user)

    def run(*arguments: str, attached: bool = True) -> Done:
        variables = {**os.environ, "NO_COLOR": "1", "PGPASSWORD": database.password}
        return run_forked("schema", *arguments, *(["--dsn", dsn] if attached else []), cwd=tmp_path, env=variables)

    return run


def _document(done: Done, kind: str) -> Any:
    document = json.loads(done.stdout)
    assert document["format"] == 1
    assert document["kind"] == kind
    return document


def test_up_and_down_again_in_a_database_that_was_named(bench: Callable[..., Done], database: Endpoint) -> None:
    refused = bench("upgrade")
    assert refused.returncode == 3
    assert refused.stderr.count("error:") == 1
    assert f"--allow-destructive {database.dbname}" in refused.stderr
    assert migrations.current(database.dsn()) is None
    allowed = ("--allow-destructive", database.dbname)
    up = bench("upgrade", "006", "--json", *allowed)
    assert up.returncode == 0, up.stderr
    assert _document(up, "schema")["revision"] == "006"
    down = bench("downgrade", "base", *allowed)
    assert down.returncode == 0, down.stderr
    assert f"{database.dbname} is at base (head: 007)" in down.stdout
    with connected(database) as connection:
        assert connection.execute("SELECT to_regclass('customers')").fetchone() == (None,)


def test_an_audit_prints_one_document_and_stores_the_same(
    bench: Callable[..., Done], database: Endpoint, tmp_path: Path
) -> None:
    """One claim, a line of the ledger each, evidence, page and file; the database named is left alone."""
    done = bench("audit", "--claim", "S07", "--claim", "S18", "--html", "--json")
    assert done.returncode == 0, done.stderr
    document = _document(done, "audit")
    assert document["verdict"] == "pass"
    assert [claim["id"] for claim in document["claims"]] == ["S07", "S18"]
    for claim in document["claims"]:
        assert {"id", "claim", "verdict", "evidence", "remedy"} <= set(claim)
        assert claim["verdict"] == "pass"
        assert claim["evidence"]["faults"] == []
    assert document["run_id"].startswith("audit-")
    assert json.loads((tmp_path / document["path"] / "audit.json").read_text()) == document
    page = (tmp_path / document["report"]).read_text()
    assert "Every foreign key names its ON DELETE behaviour" in page
    assert database.password not in done.stdout + done.stderr + page
    assert migrations.current(database.dsn()) is None


def test_a_refuted_claim_ends_with_1_and_says_what_to_do(bench: Callable[..., Done]) -> None:
    done = bench("audit", "--script-location", str(SAMPLE), "--claim", "S07", "--claim", "S09", "--claim", "S13")
    assert done.returncode == 1
    assert "FAIL  S07" in done.stdout
    assert "copies.fk_copies_book" in done.stdout
    assert "remedy: Name the behaviour" in done.stdout
    assert "PASS  S09" in done.stdout
    assert "n/a   S13" in done.stdout
    assert "1 of 2 claims proven" in done.stdout
    assert bench("audit", "--script-location", str(SAMPLE), "--claim", "S07", "--warn-only").returncode == 0


def test_rows_that_cannot_be_guessed_are_read_from_a_file(bench: Callable[..., Done], tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(SAMPLE, folder)
    path = folder / "versions" / "a1_books.py"
    path.write_text(path.read_text().replace("btrim(title) <> ''", "isbn ~ '^97[89][0-9]{10}$'"))
    alone = bench("audit", "--script-location", str(folder), "--claim", "S20")
    assert alone.returncode == 1
    assert "books: it cannot be tried: no row was found that it takes" in alone.stdout
    (tmp_path / "rows.toml").write_text('[[books]]\nisbn = "9780000000002"\n')
    helped = bench("audit", "--script-location", str(folder), "--claim", "S20", "--rows", "rows.toml")
    assert helped.returncode == 0, helped.stdout
    (tmp_path / "rows.toml").write_text("[books]\nisbn = 9\n")
    wrong = bench("audit", "--script-location", str(folder), "--claim", "S20", "--rows", "rows.toml")
    assert wrong.returncode == 2
    assert "does not hold rows" in wrong.stderr


def test_partitions_are_kept_and_checked(bench: Callable[..., Done], database: Endpoint) -> None:
    missing = bench("partitions", "--allow-destructive", database.dbname)
    assert missing.returncode == 3
    assert "bench schema upgrade" in missing.stderr
    migrations.upgrade(database.dsn())
    dry = bench("partitions", "--ahead", "5", "--keep", "84", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "SELECT ensure_audit_partitions(5);" in dry.stdout
    refused = bench("partitions", "--ahead", "5")
    assert refused.returncode == 3
    done = bench("partitions", "--ahead", "5", "--keep", "84", "--json", "--allow-destructive", database.dbname)
    assert done.returncode == 0, done.stderr
    document = _document(done, "partitions")
    assert document["verdict"] == "pass"
    assert [(each["table"], len(each["created"])) for each in document["tables"]] == [
        ("audit_logs", 2), ("analytics_events", 2),
    ]  # fmt: skip
    with connected(database) as connection:
        connection.execute(
            "INSERT INTO audit_logs (created_at, job_name, action, entity_type, entity_id)"
            " VALUES ('1999-01-01', 'renewal', 'read', 'policy', '1')"
        )
    stray = bench("partitions", "--allow-destructive", database.dbname)
    assert stray.returncode == 1
    assert "FAIL  default partition: rows in audit_logs_default: 1 of 1999-01" in stray.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("partitions", "--drop"), "--drop needs --keep"),
        (("partitions", "--ahead", "-1"), "--ahead"),
        (("audit", "--claim", "S99"), "there is no claim S99"),
        (("audit", "--script-location", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_a_usage_error(arguments: tuple[str, ...], words: str, bench: Callable[..., Done]) -> None:
    done = bench(*arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("subcommand", ["", "upgrade", "downgrade", "audit", "partitions"])
def test_every_command_has_help_with_an_example(subcommand: str, bench: Callable[..., Done]) -> None:
    done = bench(*subcommand.split(), "--help", attached=False)
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert "bench schema" in done.stdout

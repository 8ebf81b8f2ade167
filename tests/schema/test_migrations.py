"""The migrations answer questions about themselves, and say plainly what they cannot do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg.conninfo import make_conninfo

from bench.environment import migrations
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

# As a user would type it in the checkout.
ALEMBIC = [sys.executable, "-m", "alembic", "--raiseerr"]


def test_the_chain_is_linear_and_numbered() -> None:
    """001, 002 … without branch or gap, each file named after its revision and its two SQL files beside it."""
    script = ScriptDirectory.from_config(migrations.config())
    chain = list(reversed(list(script.walk_revisions())))
    assert [revision.revision for revision in chain] == [f"{n:03}" for n in range(1, len(chain) + 1)]
    assert [revision.down_revision for revision in chain] == [None, *(revision.revision for revision in chain[:-1])]
    assert migrations.head() == chain[-1].revision
    folder = migrations.script_location()
    for revision in chain:
        assert Path(revision.path).name.startswith(f"{revision.revision}_")
        for direction in ("up", "down"):
            assert list((folder / "sql").glob(f"{revision.revision}_{direction}*.sql"))


def test_every_revision_can_be_printed() -> None:
    """Offline mode prints the whole upgrade without a server, with roles given back before Alembic's own table."""
    text = migrations.sql()
    assert "CREATE TABLE rate_tables" in text
    assert text.count("RESET ROLE; RESET search_path;") == int(migrations.head())
    assert "UPDATE alembic_version SET version_num='002'" in text


def test_the_schema_hash_changes_with_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = migrations.schema_hash()
    assert re.fullmatch("[0-9a-f]{64}", before)
    copy = tmp_path / "schema"
    shutil.copytree(migrations.script_location(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrations, "_LOCATIONS", (copy,))
    assert migrations.schema_hash() == before
    for file in ("env.py", "sql/002_down.sql", "versions/003_add_rating_engine_tables.py"):
        text = (copy / file).read_text()
        (copy / file).write_text(text + "\n")
        assert migrations.schema_hash() != before, file
        (copy / file).write_text(text)


def test_a_missing_schema_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_LOCATIONS", (tmp_path / "nowhere",))
    with pytest.raises(SetupError, match="revisions are not installed") as caught:
        migrations.head()
    assert str(tmp_path) in caught.value.evidence


def _unused_dsn() -> str:
    return make_conninfo(host="127.0.0.1", port=1, user="nobody", password="hunter2", dbname="nowhere")


@pytest.mark.parametrize("ask", [migrations.upgrade, migrations.current, lambda dsn: migrations.downgrade(dsn, "base")])
def test_an_unreachable_server_is_named_without_its_password(ask: Callable[[str], object]) -> None:
    with pytest.raises(SetupError, match=r"nowhere at 127\.0\.0\.1:1") as caught:
        ask(_unused_dsn())
    assert "refused" in caught.value.evidence
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("dsn", ["hunter2", "postgresql://u:hunter2@h:port:port/x?y", "host=x passwort=hunter2"])
def test_a_malformed_dsn_is_not_repeated(dsn: str) -> None:
    with pytest.raises(SetupError) as caught:
        migrations.upgrade(dsn)
    assert "hunter2" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.pg
def test_a_wrong_password_is_not_repeated(database: str) -> None:
    with pytest.raises(SetupError) as caught:
        migrations.upgrade(make_conninfo(database, password="hunter2"))
    assert "password authentication failed" in caught.value.evidence
    assert "hunter2" not in str(caught.value)


@pytest.mark.pg
def test_an_unknown_revision_is_named(database: str) -> None:
    for ask in (migrations.upgrade, migrations.downgrade):
        with pytest.raises(SetupError, match="999") as caught:
            ask(database, "999")
        assert "999" in caught.value.evidence
    assert migrations.current(database) is None


@pytest.mark.pg
def test_a_login_without_rights_is_told_what_it_needs(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE ROLE visitor LOGIN PASSWORD 'guest'")
        try:
            with pytest.raises(SetupError) as caught:
                migrations.upgrade(make_conninfo(database, user="visitor", password="guest"))
        finally:
            admin.execute("DROP ROLE visitor")
    assert "42501" in caught.value.evidence
    assert "CREATEROLE" in caught.value.remedy


@pytest.mark.pg
def test_a_failed_revision_leaves_nothing_behind(database: str) -> None:
    """One transaction a revision: 001 stays, 002 is gone whole, and the message says what stood in the way."""
    migrations.upgrade(database, "001")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE TABLE quote_conversions (mine integer)")
        with pytest.raises(SetupError) as caught:
            migrations.upgrade(database, "003")
        tables = admin.execute("SELECT to_regclass('users'), to_regclass('quotes'), to_regclass('claims')").fetchone()
    assert caught.value.evidence == 'relation "quote_conversions" already exists (42P07)'
    assert migrations.current(database) == "001"
    assert tables == (None, None, "claims")


@pytest.mark.pg
def test_alembic_itself_can_be_used(database: str) -> None:
    """From pyproject.toml alone, with the DSN in a variable or as -x dsn=…, and never without one."""
    root = migrations.script_location().parent
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BENCH_", "PG"))}

    def run(arguments: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ALEMBIC, *arguments], env=environment | variables, cwd=root, text=True, capture_output=True, check=False
        )

    bare = run(["upgrade", "001"])
    assert bare.returncode != 0
    assert "set BENCH_DSN" in bare.stderr
    assert run(["upgrade", "001"], BENCH_DSN=database).returncode == 0
    assert run(["-x", f"dsn={database}", "upgrade", "002"]).returncode == 0
    assert migrations.current(database) == "002"


@pytest.mark.pg
def test_two_migrations_at_once_take_turns(database: str) -> None:
    """Both end well, and the schema is there once."""
    environment = os.environ | {"BENCH_DSN": database}
    root = migrations.script_location().parent
    both = [
        subprocess.Popen(
            [*ALEMBIC, "upgrade", "003"], env=environment, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    outputs = [process.communicate()[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert migrations.current(database) == "003"


@pytest.mark.pg
def test_only_bench_owner_owns_and_alembic_keeps_its_table(at_003: str) -> None:
    with psycopg.connect(at_003) as connection:
        owners = connection.execute(
            """SELECT tableowner, count(*), min(tablename) FROM pg_tables
               WHERE schemaname = 'public' GROUP BY 1 ORDER BY 1"""
        ).fetchall()
    assert owners == [("bench_owner", 19, "claims"), ("postgres", 1, "alembic_version")]

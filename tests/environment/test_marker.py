"""A database that is not ours is changed only if the user names it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from bench.environment.audit.scratch import Scratch
from bench.environment.connection import connected
from bench.environment.marker import forget_dataset, is_marked, require_ours
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint

pytestmark = pytest.mark.pg


@pytest.fixture
def database(environment: Environment) -> Iterator[Endpoint]:
    scratch = Scratch(environment.admin)
    yield scratch.create()
    scratch.close()


def _comment(database: Endpoint, text: str | None) -> None:
    with connected(database) as connection:
        statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
        connection.execute(statement.format(sql.Identifier(database.dbname), sql.Literal(text)))


@pytest.mark.parametrize(
    ("comment", "ours"),
    [
        (None, False),
        ("production, hands off", False),
        ('"poolbench"', False),
        ('{"marker": "other"}', False),
        ('{"marker": "poolbench"}', True),
        ('{"marker": "poolbench", "dataset": {"seed": 1}}', True),
    ],
)
def test_only_the_marker_itself_makes_a_database_ours(comment: str | None, ours: bool, database: Endpoint) -> None:  # noqa: FBT001 - a column of the table above
    _comment(database, comment)
    assert is_marked(database) is ours


def test_an_unmarked_database_is_refused_unless_it_is_named(database: Endpoint) -> None:
    with pytest.raises(SetupError, match="does not carry our marker") as caught:
        require_ours(database, "migrate", allow_destructive=None)
    assert f"--allow-destructive {database.dbname}" in caught.value.remedy
    with pytest.raises(SetupError, match="names another database"):
        require_ours(database, "migrate", allow_destructive="other")
    require_ours(database, "migrate", allow_destructive=database.dbname)
    _comment(database, '{"marker": "poolbench"}')
    require_ours(database, "migrate", allow_destructive=None)


def test_what_the_comment_says_of_the_data_is_taken_back(database: Endpoint) -> None:
    _comment(database, '{"marker": "poolbench", "dataset": {"seed": 1}, "other": 2}')
    forget_dataset(database)
    with connected(database) as connection:
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        [(text,)] = connection.execute(query).fetchall()
    assert json.loads(text) == {"marker": "poolbench", "other": 2}


def test_the_comment_of_somebody_elses_database_stays(database: Endpoint) -> None:
    _comment(database, '{"dataset": "theirs"}')
    forget_dataset(database)
    with connected(database) as connection:
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        assert connection.execute(query).fetchall() == [('{"dataset": "theirs"}',)]

"""What protects an attached database, by itself: signs of use, what a load asks for, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.design.expectation import offered
from bench.environment.attached import read_options
from bench.environment.safeguard import Signs
from bench.model.errors import ScenarioError
from bench.model.limits import Limits
from bench.model.scenario import ClosedLoop, OpenLoop, UserLoop
from bench.model.scenario_text import decode
from bench.model.units import Duration, Rate

if TYPE_CHECKING:
    from bench.model.scenario import Load


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"standby": True}, "standby"),
        ({"standbys": 2}, "2 servers replicate"),
        ({"foreign": 11}, "11 connections of others"),
        ({"bytes": 60_000_000_000}, "60 GB"),
    ],
)
def test_each_sign_of_production_is_enough(change: dict[str, int], word: str) -> None:
    idle = Signs(standby=False, standbys=0, foreign=10, bytes=50_000_000_000, free=90)
    assert idle.of_production() == ()
    (found,) = msgspec.structs.replace(idle, **change).of_production()
    assert word in found


@pytest.mark.parametrize(
    ("load", "rate"),
    [
        (OpenLoop(rate=Rate(50)), 50),
        (OpenLoop(rate=Rate(50), arrival="ramp", ramp_from=Rate(80)), 80),
        (UserLoop(users=10, think_time=Duration.parse("2s")), 5),
        (ClosedLoop(clients=10, think_time=Duration.parse("100ms")), 100),
        (ClosedLoop(clients=10), None),
    ],
)
def test_the_rate_a_load_can_reach_is_known_where_something_but_answers_bounds_it(
    load: Load, rate: float | None
) -> None:
    assert offered(load) == rate


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT 1", True),
        ("  with a as (select 1) table a", True),
        ("(VALUES (1))", True),
        ("SELECT 'delete; insert' -- update", True),
        ("SELECT $$merge$$", True),
        ("WITH gone AS (DELETE FROM a RETURNING 1) SELECT * FROM gone", False),
        ("SELECT * FROM a FOR UPDATE", False),
        ("SELECT * FROM a FOR KEY SHARE", False),
        ("SELECT 1 INTO a", False),
        ("CALL proc()", False),
        ("VACUUM a", False),
    ],
)
def test_a_scenario_only_reads_if_no_statement_changes_or_locks(sql: str, reads: bool) -> None:  # noqa: FBT001 - a column
    raw = {"name": "x", "load": {"model": "closed", "clients": 1}, "operation": [{"name": "op", "sql": sql}]}
    assert decode(raw, "x").operation[0].only_reads is reads


def test_limits_are_written_as_they_are_read() -> None:
    texts = ["connections=7", "rate=50/s", "statement_timeout=2s", "read_only=off"]
    limits = Limits.parse(texts)
    assert [f"{name}={value}" for name, value in limits.settings().items()] == texts
    assert Limits().settings() == {}


@pytest.mark.parametrize(
    "text", ["", "rate", "rate=5", "connections=0", "connections=x", "statement_timeout=0s", "read_only=no"]
)
def test_a_limit_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Limits.parse([text])


def test_options_of_a_connection_string_become_settings_of_every_session() -> None:
    assert read_options(r"-c search_path=app,\ public --work-mem=4MB -cjit=off") == (
        ("search_path", "app, public"),
        ("work_mem", "4MB"),
        ("jit", "off"),
    )
    with pytest.raises(ScenarioError, match="no driver passes on"):
        read_options("-d 5")

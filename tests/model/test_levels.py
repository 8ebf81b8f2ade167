from __future__ import annotations

import pytest

from bench.model.errors import ScenarioError
from bench.model.levels import parse_setting, parse_sweep


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pool.size=8", 8),
        ("run.window=2s", "2s"),
        ("pool.prewarm=false", False),
        ("pool.driver=psycopg", "psycopg"),
        ("a.b='x=y'", "x=y"),
    ],
)
def test_a_setting_is_a_number_a_truth_value_or_text(text: str, value: object) -> None:
    assert parse_setting(text)[1] == value


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("pool.size=1,2,4..32", (1, 2, 4, 8, 16, 32)),
        ("pool.size=4..12+4", (4, 8, 12)),
        ("pool.driver=asyncpg,psycopg", ("asyncpg", "psycopg")),
        ("pool.size=2,2", (2,)),
        ("pool.size=3..20", (3, 6, 12)),
    ],
)
def test_levels_are_listed_doubled_or_stepped(text: str, levels: tuple[object, ...]) -> None:
    assert parse_sweep(text)[1] == levels


@pytest.mark.parametrize(
    "text", ["pool.size", "pool.size=", "=3", "pool.size=9..3", "pool.size=0..8", "n=1..99999999+1"]
)
def test_a_malformed_level_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"pool\.size|4\.\.32"):
        parse_sweep(text)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.words import describe, metric_name, plain, reveal, setting, shorten, slug, varied_keys

if TYPE_CHECKING:
    from bench.model.scenario import Level


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc\u202edef", "abc⟨U+202E⟩def"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("bell\x07", "bell⟨U+0007⟩"),
        ("lone \ud800", "lone ⟨U+D800⟩"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("Grüße, 世界", "Grüße, 世界"),
    ],
)
def test_characters_that_hide_or_turn_text_are_written_out(text: str, shown: str) -> None:
    assert reveal(text) == shown


@given(st.text())
def test_revealed_text_can_be_encoded_and_stays_as_it_is(text: str) -> None:
    revealed = reveal(text)
    revealed.encode()
    assert reveal(revealed) == revealed


@given(st.text(), st.integers(2, 40))
def test_shortened_text_is_one_line_of_at_most_the_length(text: str, longest: int) -> None:
    short = shorten(text, longest)
    assert len(short) <= longest
    assert "\n" not in short


@given(st.text())
def test_a_slug_is_an_anchor(text: str) -> None:
    assert slug(text)
    assert set(slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_treatments_read_as_people_say_them() -> None:
    treatment: dict[str, Level] = {
        "load.clients": 50,
        "pool.size": 8,
        "pool.driver": "asyncpg",
        "pooler.kind": "none",
        "pool.reset": "none",
    }
    assert describe(treatment) == "asyncpg, no pooler, pool size 8, 50 clients, reset on release = none"
    assert describe(treatment, ["pool.size"]) == "pool size 8"
    assert [setting("load.clients", 1), setting("load.rate", 2500.0), setting("x.y", True)] == [
        "1 client",
        "2,500/s offered",
        "x.y = on",
    ]


def test_only_factors_with_several_levels_are_varied() -> None:
    treatments = [{"pool.size": 4, "load.clients": 10, "a": True}, {"pool.size": 8, "load.clients": 10, "a": 1}]
    assert varied_keys(treatments) == ["pool.size", "a"]
    assert varied_keys([]) == []


def test_sentences_of_the_analysis_lose_their_keys() -> None:
    assert plain("worse at load.clients 100.") == "worse at 100 clients."
    assert plain("pool.size 8, pooler.kind pgbouncer, load.rate 2500.5") == (
        "pool size 8, through pgbouncer, 2,500.5/s offered"
    )
    assert plain("At load.rate 1,000 pool.size 6") == "At 1,000/s offered pool size 6"
    assert plain("`run.replicates` and pool.size") == "`run.replicates` and pool.size"


def test_metrics_have_names() -> None:
    assert [metric_name(name) for name in ("response_time.p99_9", "throughput", "error_rate")] == [
        "response time p99.9",
        "throughput",
        "error rate",
    ]

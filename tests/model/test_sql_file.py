"""A file of SQL is cut where its statements end, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.model.errors import ScenarioError
from bench.model.sql_file import read_statements, renumber

QUOTED = ["'a;b'", "'it''s; $1 :x'", '"odd;name"', "$$ ; $1 $$", "$f$ :x; $$ $f$", "E'\\';'", "/* ; :y */ 1", "1::int"]


@given(st.lists(st.sampled_from(QUOTED), min_size=1, max_size=5))
def test_what_is_quoted_or_commented_neither_ends_a_statement_nor_holds_a_parameter(parts: list[str]) -> None:
    text = "".join(f"SELECT {part};\n" for part in parts)
    found = read_statements(text, "x.sql")
    assert len(found) == len(parts)
    assert all(one.names == () for one in found)
    for one, part in zip(found, parts, strict=True):
        assert one.sql == f"SELECT {part.replace('/* ; :y */ ', ' ')}"


def test_named_parameters_become_numbers_in_the_order_of_their_first_use() -> None:
    (one,) = read_statements("-- name: by-both\nSELECT :b, :a, :b::int, x[1:2] FROM t", "x.sql")
    assert one.name == "by_both"
    assert one.names == ("b", "a")
    assert one.sql.startswith("SELECT $1, $2, $1::int")


def test_a_slice_of_numbers_is_no_parameter() -> None:
    (one,) = read_statements("SELECT x[1:2], y[$1:3]", "x.sql")
    assert one.names == ()


def test_numbers_can_be_given_other_places() -> None:
    assert renumber("SELECT $1, '$2', $2, $10", [2, 10, 1]) == "SELECT $3, '$2', $1, $2"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (" ; -- nothing\n ;", "no SQL statement"),
        ("SELECT $1, :a", "both"),
        ("-- name: a\nSELECT 1; -- name: a\nSELECT 2", "two statements are called a"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, word: str) -> None:
    with pytest.raises(ScenarioError, match=word):
        read_statements(text, "x.sql")

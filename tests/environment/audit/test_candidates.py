"""Values to try: of the column's type, unlike the present one, and near what the rules mention."""

from __future__ import annotations

import pytest

from bench.environment.audit.candidates import candidates, differ, first_value, literals, variations
from bench.environment.audit.catalogue import Column

_TYPES = {
    "text": "S", "smallint": "N", "bigint": "N", "numeric(12,2)": "N", "date": "D", "timestamp with time zone": "D",
    "boolean": "B", "jsonb": "U", "bytea": "U", "uuid": "U", "interval": "T", "inet": "I", "text[]": "A",
}  # fmt: skip


def column(type_name: str, name: str = "c", *, not_null: bool = True, labels: tuple[str, ...] = ()) -> Column:
    return Column(
        table="t", name=name, number=1, type=type_name, category="E" if labels else _TYPES[type_name],
        not_null=not_null, identity=False, generated=False, default=None, comment=None, labels=list(labels),
    )  # fmt: skip


def test_the_constants_of_an_expression_are_found() -> None:
    expression = "CHECK (((status = ANY (ARRAY['a'::text, 'it''s'::text])) AND ((n >= 5) AND (x <= 0.25))))"
    assert literals(expression) == ["a", "it's", "5", "0.25"]


@pytest.mark.parametrize("type_name", _TYPES)
def test_every_type_has_values_that_differ_from_the_present_one(type_name: str) -> None:
    of_type = column(type_name, not_null=False)
    present = first_value(of_type)
    found = candidates(of_type, {"c": present}, ["5", "word"])
    assert found[0] is None
    assert present not in found
    assert len(found) == len(set(found)) > 1


def test_numbers_lie_just_beyond_the_bounds_a_rule_names_and_fit_their_type() -> None:
    assert {"4", "6", "-1"} <= set(candidates(column("smallint"), {"c": "5"}, ["5", "40000"]))
    assert "40000" not in candidates(column("smallint"), {"c": "5"}, ["40000"])
    assert "0.24" in candidates(column("numeric(12,2)"), {"c": "1.00"}, ["0.25"])


def test_instants_lie_before_and_after_those_of_the_same_rule() -> None:
    row = {"c": "2025-03-01 08:00:00+00", "other": "2025-03-02"}
    found = candidates(column("timestamp with time zone"), row)
    assert "2025-03-01T07:59:59+00:00" in found
    assert "2025-03-03T00:00:00" in found


def test_a_word_that_a_pattern_may_forbid_is_put_into_the_value() -> None:
    assert "mail.host_password" in candidates(column("text"), {"c": "mail.host"}, ["(password|secret)"])


@pytest.mark.parametrize(
    ("type_name", "value", "other"),
    [
        ("text", "AU0000000009", "AU0000000000"), ("text", "acme", "acma"), ("bigint", "1", "2"),
        ("numeric(12,2)", "1.50", "2.50"), ("date", "2025-12-31", "2026-01-01"), ("boolean", "true", "false"),
        ("bytea", "\\x5a5a", "\\x5a00"), ("bytea", "\\x5a00", "\\x5a01"), ("text", None, None), ("text", "", ""),
    ],
)  # fmt: skip
def test_a_different_value_keeps_its_shape(type_name: str, value: str | None, other: str | None) -> None:
    assert differ(value, column(type_name)) == other


def test_an_enum_takes_its_labels_only() -> None:
    enum = column("mood", labels=("sad", "glad"))
    assert first_value(enum) == "sad"
    assert differ("sad", enum) == "glad"
    assert candidates(enum, {"c": "sad"}) == ["glad"]


def test_one_column_is_varied_before_two() -> None:
    columns = [column("boolean", "a", not_null=False), column("boolean", "b", not_null=False)]
    found = [names for _, names in variations({"a": "true", "b": "true"}, columns, {})]
    assert found[:4] == [["a"], ["a"], ["b"], ["b"]]
    assert found[4] == ["a", "b"]
    assert len(found) == 4 + 1 + 4

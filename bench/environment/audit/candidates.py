"""Values worth trying in a column: to break a rule, or to satisfy one. Pure: texts in, texts out."""

from __future__ import annotations

import itertools
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bench.environment.audit.catalogue import Column

Row = dict[str, str | None]
"""A row as the server writes it: text by column, None for null."""

_TEXT_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(?<![\w.'])-?\d+(?:\.\d+)?(?![\w'])")
_PATTERN = re.compile(r"[\^$|()\[\]*\\]")
_DIGITS = re.compile(r"\d(?=\D*$)")
_TIMESTAMPS = {"date", "timestamp with time zone", "timestamp without time zone"}
_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_SPANS = (timedelta(seconds=1), timedelta(days=1), timedelta(days=45), timedelta(days=800), timedelta(days=16_000))
_ARRAYS = ("{}", "{NULL}", '{" "}', "{x}")
_DOCUMENTS = ("{}", "[]", "1", '"x"', "null", '{"x": "' + "x" * 9000 + '"}')
_PLAIN = {
    "boolean": ("true", "false"),
    "bytea": ("\\x", "\\x00", *("\\x" + "5a" * length for length in (16, 20, 28, 29, 32, 48, 64))),
    "inet": ("192.0.2.7",),
    "cidr": ("192.0.2.0/24",),
    "interval": ("0", "-1 day", "1 hour", "1 day", "1 year", "1000 years"),
    "uuid": ("00000000-0000-4000-8000-00000000beef",),
}
_FIRST = {"S": "a", "N": "1", "D": "now", "B": "false", "I": "192.0.2.1", "T": "1 day"}
_FIRST_BY_TYPE = {
    "uuid": "00000000-0000-4000-8000-000000000001", "jsonb": "{}", "json": "{}", "bytea": "\\x00",
}  # fmt: skip
PAIRS = 4000
"""Combinations tried at most where changing one column is not enough."""


def literals(expression: str) -> list[str]:
    """Return the constants of a SQL expression as the server prints it: texts first, then numbers."""
    texts = [found.replace("''", "'") for found in _TEXT_LITERAL.findall(expression)]
    numbers = _NUMBER.findall(_TEXT_LITERAL.sub("''", expression))
    return list(dict.fromkeys([*texts, *numbers]))


def candidates(column: Column, row: Mapping[str, str | None], constants: Iterable[str] = ()) -> list[str | None]:
    """Return values of the column's type, the likeliest to matter first; the row's own value is not among them."""
    current = row.get(column.name)
    nothing: list[str | None] = [] if column.not_null else [None]
    found = nothing + list(_typed(column, current, row, list(constants)))
    return [value for value in dict.fromkeys(found) if value != current]


def _typed(
    column: Column, current: str | None, row: Mapping[str, str | None], constants: Sequence[str]
) -> Iterable[str | None]:
    base = column.type.partition("(")[0]
    if column.type.endswith("[]"):
        return [*_ARRAYS, *(f'{{"{text}"}}' for text in constants if '"' not in text)]
    if base in {"jsonb", "json"}:
        return [*_DOCUMENTS, *_documents(constants)]
    if base in _PLAIN:
        return _PLAIN[base]
    if base in _TIMESTAMPS:
        return _instants(current, row)
    match column.category:
        case "S":
            return _texts(current, row, constants)
        case "N":
            return _numbers(column.type, current, row, constants)
        case "E":
            return column.labels
    return constants


def _texts(current: str | None, row: Mapping[str, str | None], constants: Sequence[str]) -> Iterator[str]:
    yield from ("", " ", "~", "x", "X")
    if current:
        yield from (f" {current}", f"{current}~", current.upper(), current[:-1])
    for text in constants:
        if not _PATTERN.search(text):
            yield text
        elif current:
            # A pattern may forbid a word: the value with the word in it.
            yield from (f"{current}_{word}" for word in re.findall(r"[a-z]{4,}", text)[:3])
    yield from ("0", "1", "12345", "null", "x" * 10_000)
    yield from (value for value in row.values() if value and len(value) < 200)


def _numbers(
    type_name: str, current: str | None, row: Mapping[str, str | None], constants: Sequence[str]
) -> Iterator[str]:
    whole = type_name in _LARGEST
    step = 1.0 if whole else 0.01
    named = [float(text) for text in constants if _NUMBER.fullmatch(text)]
    others = [float(value) for value in row.values() if value and _NUMBER.fullmatch(value)]
    values = [0, -1, 1, 2, *named, *(near for number in named for near in (number + step, number - step)), *others]
    values += [near for number in others for near in (number + step, number - step)] + [1e4, 1e6]
    if current and _NUMBER.fullmatch(current):
        values += [float(current) + step, float(current) - step]
    limit = _limit(type_name)
    for value in values:
        if abs(value) <= limit:
            yield str(round(value)) if whole else f"{value:.2f}"


def _limit(type_name: str) -> float:
    """Return the largest value of a numeric type, so that no attempt fails for its size."""
    found = re.fullmatch(r"numeric\((\d+),(\d+)\)", type_name)
    return 10.0 ** (int(found[1]) - int(found[2])) - 1 if found else float(_LARGEST.get(type_name, 10**12))


def _instants(current: str | None, row: Mapping[str, str | None]) -> Iterator[str]:
    yield from ("now", "yesterday", "tomorrow")
    known = [moment for text in (current, *row.values()) if (moment := _instant(text))]
    for moment in known:
        yield moment.isoformat()
    for moment, span in itertools.product(known, _SPANS):
        yield from ((moment - span).isoformat(), (moment + span).isoformat())
    yield from ("1800-01-01", "2999-12-31")


def _instant(text: str | None) -> datetime | None:
    """Read a date or an instant as the server prints it; None for any other text."""
    if not text or not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _documents(constants: Iterable[str]) -> Iterator[str]:
    for text in constants:
        if re.fullmatch(r"\w+", text):
            yield from (f'{{"{text}": {{}}}}', f'{{"{text}": []}}', f'{{"{text}": 1}}')


def variations(
    row: Row, columns: Sequence[Column], constants: Mapping[str, Sequence[str]], *, pairs: bool = True
) -> Iterator[tuple[Row, list[str]]]:
    """Yield rows that differ in one column, lack several, or differ in two, with the names of what differs.

    ``constants`` are, by column, those that the rules about it mention.
    """
    near = {column.name: row.get(column.name) for column in columns}
    pools = {column.name: candidates(column, near, constants.get(column.name, ())) for column in columns}
    for name, pool in pools.items():
        for value in pool:
            yield {**row, name: value}, [name]
    for number in (2, 3):  # some of what may be null has to be given
        for chosen in itertools.combinations([column.name for column in columns if not column.not_null], number):
            yield {**row, **dict.fromkeys(chosen)}, list(chosen)
    if not pairs:
        return
    combined = (
        ({**row, first: one, second: other}, [first, second])
        for first, second in itertools.combinations(pools, 2)
        for one, other in itertools.product(pools[first], pools[second])
    )
    yield from itertools.islice(combined, PAIRS)


def differ(value: str | None, column: Column) -> str | None:
    """Return another value of much the same shape, to make a row unlike one that is there."""
    if value is None:
        return None
    base = column.type.partition("(")[0]
    moment = _instant(value) if base in _TIMESTAMPS else None
    if moment:
        later = moment + timedelta(days=1)
        return later.date().isoformat() if base == "date" else later.isoformat()
    if column.category == "N":
        return f"{float(value) + 1:.2f}" if "." in value else str(int(value) + 1)
    if base == "bytea":
        return value[:-2] + ("00" if value[-2:] != "00" else "01")
    if column.category in {"B", "E"}:
        others = ("true", "false") if column.category == "B" else column.labels
        return next((other for other in others if other != value), value)
    return _differ_text(value) if value and (base == "uuid" or column.category == "S") else value


def _differ_text(value: str) -> str:
    """Change the last digit, or the last letter where there is none."""
    if _DIGITS.search(value):
        return _DIGITS.sub(lambda digit: str((int(digit[0]) + 1) % 10), value)
    return value[:-1] + ("a" if value[-1] != "a" else "b")


def first_value(column: Column) -> str | None:
    """Return a plain value of the column's type, None where there is none to guess."""
    if column.type.endswith("[]"):
        return "{}"
    if column.category == "E":
        return next(iter(column.labels), None)
    return _FIRST_BY_TYPE.get(column.type.partition("(")[0]) or _FIRST.get(column.category)
